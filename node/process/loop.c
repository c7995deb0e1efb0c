/* SPDX-License-Identifier: Apache-2.0 */
/* The control loop: everything that happens becomes an event, one at a time;
 * the core's actions are performed before the next one. Callbacks do nothing else.
 *
 * What waits in the inbox is taken in rounds. A round ends after ROUND_US, however much waits still, so that timers,
 * signals and HTTP have their turn; what is urgent goes first (inbox.h). What the core proposes in a round makes one
 * log entry, and other threads are woken at its end, each once.
 *
 * The clock of events is CLOCK_BOOTTIME in microseconds: it goes on while the host sleeps. The one
 * timer, by the same clock, is a timerfd, armed for core_deadline_us() after every round: takeover notices are paced
 * by 200 us, which libuv's millisecond timers cannot do. */
#include "cluster/core/node_clocks.h"
#include "node/process/crl_watch.h"
#include "node/process/expiry_watch.h"
#include "node/process/node.h"
#include "xdp/thread/clock.h"

#include <openssl/mem.h>
#include <openssl/rand.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS (sizeof(((struct node *)NULL)->signals) / sizeof(uv_signal_t))
#define PATIENCE_MS 5000u
#define LOOK_MS 500u
#define STORE_FILL_MAX 90u /* Percent */
#define ROUND_US 500u      /* By the clock; one more item may follow of each rank. */

uint64_t loop_now_us(void)
{
	return boottime_us();
}

void loop_seed(uint8_t seed[ENTROPY_SEED_LEN])
{
	int ok = RAND_bytes(seed, ENTROPY_SEED_LEN);

	assert(ok);
}

static void step(struct node *n, struct event *e)
{
	if (n->ended)
		return;
	e->now_us = loop_now_us();
	e->more = n->in_round;
	loop_seed(e->seed);
	cluster_step(n->core, e, &n->actions);
	OPENSSL_cleanse(e->seed, sizeof(e->seed));
	perform_actions(n);
}

static void on_link(struct node *n, uint32_t node, bool up, uint64_t generation)
{
	struct event e = {.type = EVENT_LINK, .link = {.node = node, .up = up}};

	if (!up && n->generation[node] != generation)
		return;
	n->generation[node] = up ? generation : 0;
	events_add(n->events, CONFIG_LOG_DEBUG, "link", "%s is %s", n->config->cluster.node[node],
		   up ? "connected" : "disconnected");
	step(n, &e);
}

static void on_patience(uv_timer_t *timer)
{
	struct node *n = timer->data;

	events_add(n->events, CONFIG_LOG_WARNING, "exit", "ending without having handed over");
	n->ended = true;
	uv_stop(&n->loop);
}

static void hand_over(struct node *n)
{
	struct event e = {.type = EVENT_SHUTDOWN};

	n->shutting_down = true;
	uv_timer_start(&n->patience, on_patience, PATIENCE_MS, 0);
	step(n, &e);
}

/* The host has lost something that only a restart brings back: the unit restarts a failed
 * process. */
static void leave(struct node *n, const char *why)
{
	events_add(n->events, CONFIG_LOG_ERROR, "host", "%s: handing over, to start anew", why);
	n->failed = true;
	n->exit_status = 1;
	if (!n->shutting_down)
		hand_over(n);
}

static void consume(struct node *n, struct inbox_item *i)
{
	struct event e = {.type = EVENT_STORED};

	switch (i->kind) {
	case INBOX_EVENT:
		step(n, &i->event);
		break;
	case INBOX_FORWARD:
		perform_forward(n, &i->forward);
		break;
	case INBOX_LINK:
		on_link(n, i->link.node, i->link.up, i->link.generation);
		break;
	case INBOX_STORED:
		e.stored.seq = i->update->seq;
		step(n, &e);
		break;
	case INBOX_IDENTITY:
		e.type = EVENT_IDENTITY_STORED;
		step(n, &e);
		break;
	case INBOX_LEAVE:
		leave(n, (const char *)i->data);
		break;
	}
}

/* The kernel's timer for what the core waits for next. One that comes too early does no harm, and the next deadline
 * is mostly a little later than the last. */
static void arm(struct node *n)
{
	uint64_t at = core_deadline_us(n->core);
	struct itimerspec t = {0};
	int rc;

	if (n->armed_us != 0 && n->armed_us <= at)
		return;
	n->armed_us = at;
	if (at > INT64_MAX / 1000)
		at = INT64_MAX / 1000;
	t.it_value.tv_sec = (time_t)(at / 1000000);
	t.it_value.tv_nsec = (long)(at % 1000000) * 1000 + 1; /* All zero would disarm it. */
	rc = timerfd_settime(n->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
	assert(rc == 0);
}

static void end_round(struct node *n)
{
	perform_round(n);
	arm(n);
}

static void read_clocks(struct node *n)
{
	struct clock_reading now = {.unreported_us = UINT64_MAX};

	for (uint32_t i = 0; i < n->config->cluster.n_nodes; i++)
		now.node_us[i] = link_node_clock(n->link, i);
	now.own_us = loop_now_us();
	if (n->datapath)
		now.unreported_us = datapath_unreported_us(n->datapath);
	node_clocks_read(n->core, &now);
}

/* All that is urgent, as reports of the workers are, and more if there is time. False: there was nothing. */
static bool take_round(struct node *n)
{
	uint64_t until_us = loop_now_us() + ROUND_US;
	struct inbox_round round = {0};
	struct inbox_item *i;

	read_clocks(n);
	n->in_round = true;
	while ((i = inbox_next(&n->inbox, &round, loop_now_us() >= until_us)) != NULL) {
		consume(n, i);
		inbox_item_free(i);
	}
	n->in_round = false;
	node_clocks_caught_up(n->core);
	return round.ranks != 0;
}

static void on_wake(struct wakeup *w)
{
	struct node *n = w->data;
	struct event last = {.type = EVENT_TICK};

	if (!n->running) /* loop_run() looks at what has come until then. */
		return;
	perform_deferred(n);
	link_answer(n->link);
	if (take_round(n))
		step(n, &last);
	end_round(n);
	if (!inbox_is_empty(&n->inbox))
		wakeup_ask(&n->wake);
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct node *n = poll->data;
	struct event e = {.type = EVENT_TICK};
	uint64_t expirations;

	(void)status;
	(void)events;
	if (read(n->timer_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return;
	n->armed_us = 0;
	(void)take_round(n); /* The frames of marks that are due now echo what is known now. */
	step(n, &e);
	end_round(n);
}

/* The core's reasons are looked at now and then: one that comes and goes at once is not logged, and
 * the log stays short whatever the network does. */
static void on_look(uv_timer_t *timer)
{
	struct node *n = timer->data;
	struct event e = {.type = EVENT_CLOCK};
	uint32_t unready = core_unready(n->core);
	unsigned fill = n->store_thread ? store_thread_fill_percent(n->store_thread) : 0;

	if (fill >= STORE_FILL_MAX)
		ready_block(n->ready, "store_full", "the store in data_dir is %u %% full", fill);
	else
		ready_unblock(n->ready, "store_full");
	for (unsigned u = 0; u < UNREADY_COUNT; u++) {
		char text[UNREADY_TEXT_LEN];

		if (!(unready & ~n->unready_told & 1u << u))
			continue;
		core_unready_text(n->core, (enum unready)u, text);
		events_add(n->events, CONFIG_LOG_INFO, "unready", "%s: %s",
			   unready_name((enum unready)u), text);
	}
	if (unready == 0 && n->unready_told != 0)
		events_add(n->events, CONFIG_LOG_INFO, "ready", "the cluster has confirmed this node");
	n->unready_told = unready;
	crl_watch_look(n);
	expiry_watch_look(n, loop_now_us());
	e.clock.unix_s = time(NULL);
	step(n, &e);
	end_round(n);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct node *n = handle->data;

	if (n->shutting_down) { /* Asked twice: at once. */
		on_patience(&n->patience);
		return;
	}
	events_add(n->events, CONFIG_LOG_INFO, "shutdown", "%s: %s",
		   number == SIGTERM ? "SIGTERM" : "SIGINT",
		   n->running ? "handing over" : "the start is given up");
	n->shutting_down = true;
	if (!n->running) {
		n->ended = true;
		uv_stop(&n->loop);
		return;
	}
	hand_over(n);
	end_round(n);
}

/* A node that starts has just read it, or will not get as far. */
static void on_hangup(uv_signal_t *handle, int number)
{
	struct node *n = handle->data;

	(void)number;
	events_add(n->events, CONFIG_LOG_INFO, "signal", "SIGHUP: %s",
		   n->running ? "cluster.toml is read again" : "ignored, the node is starting");
	if (n->running)
		reload_ask(n->reload, 0);
}

/* Signals that other daemons give a meaning: they must not end anybody's service. */
static void on_other_signal(uv_signal_t *handle, int number)
{
	const struct node *n = handle->data;

	events_add(n->events, CONFIG_LOG_INFO, "signal", "%s is ignored: it has no meaning",
		   number == SIGUSR1 ? "SIGUSR1" : "SIGUSR2");
}

void loop_control(struct node *n, const struct control_request *r)
{
	struct event e = {.type = EVENT_CONTROL, .control = r};

	step(n, &e);
	end_round(n);
}

void loop_policy(struct node *n, struct cluster_policy *policy)
{
	struct event e = {.type = EVENT_POLICY, .policy = policy};

	step(n, &e);
	end_round(n);
}

void loop_auth_answer(struct node *n, const struct auth_question *question, const struct blob *answer)
{
	struct event e = {.type = EVENT_AUTH_ANSWER};

	if (n->ended)
		return;
	e.auth_answer.question = *question;
	e.auth_answer.data = answer->data;
	e.auth_answer.len = answer->len;
	step(n, &e);
	end_round(n);
}

void loop_dh_result(struct node *n, uint64_t id, const struct dh_result *result)
{
	struct event e = {.type = EVENT_DH, .dh = {.id = id, .result = result}};

	if (n->ended)
		return;
	step(n, &e);
	end_round(n);
}

static void ask(void *ctx)
{
	wakeup_ask(ctx);
}

void loop_init(struct node *n)
{
	static const int number[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	int rc = uv_loop_init(&n->loop);

	assert(rc == 0);
	n->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	assert(n->timer_fd >= 0);
	wakeup_init(&n->wake, &n->loop, on_wake, n);
	uv_poll_init(&n->loop, &n->timer, n->timer_fd);
	uv_timer_init(&n->loop, &n->patience);
	uv_timer_init(&n->loop, &n->look);
	uv_timer_init(&n->loop, &n->pause);
	n->timer.data = n->patience.data = n->look.data = n->pause.data = n;
	for (unsigned i = 0; i < SIGNALS; i++) {
		uv_signal_init(&n->loop, &n->signals[i]);
		n->signals[i].data = n;
		uv_signal_start(&n->signals[i], i < 2 ? on_signal : i == 2 ? on_hangup : on_other_signal,
				number[i]);
	}
	loop_watch_init(&n->watch, &n->loop);
	inbox_init(&n->inbox, ask, &n->wake);
	actions_init(&n->actions);
	n->deferred_end = &n->deferred;
	n->unready_told = 1u << UNREADY_COUNT; /* Readiness is told the first time. */
}

int loop_run(struct node *n)
{
	uv_poll_start(&n->timer, UV_READABLE, on_timer);
	uv_timer_start(&n->look, on_look, LOOK_MS, LOOK_MS);
	n->running = true;
	perform_actions(n); /* What core_new() queued. */
	end_round(n);
	wakeup_ask(&n->wake);
	if (!n->ended)
		uv_run(&n->loop, UV_RUN_DEFAULT);
	return n->exit_status;
}

void loop_fini(struct node *n)
{
	loop_watch_fini(&n->watch);
	wakeup_close(&n->wake);
	uv_close((uv_handle_t *)&n->timer, NULL);
	uv_close((uv_handle_t *)&n->patience, NULL);
	uv_close((uv_handle_t *)&n->look, NULL);
	uv_close((uv_handle_t *)&n->pause, NULL);
	for (unsigned i = 0; i < SIGNALS; i++)
		uv_close((uv_handle_t *)&n->signals[i], NULL);
	uv_run(&n->loop, UV_RUN_DEFAULT);
	uv_loop_close(&n->loop);
	wakeup_fini(&n->wake);
	close(n->timer_fd);
	inbox_fini(&n->inbox);
	perform_fini(n);
	actions_fini(&n->actions);
	crl_watch_fini(n);
}
