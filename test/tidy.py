#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree that need more than grep: how wide a line, how long a function may be, that no two
structs share a name and no field is unused, which files may touch the struct of a room of
the core, and how many files may call each other in a circle. Prints file:line: what."""
import os
import re
import sys

FUNCTION_MAX = 70
CIRCLE_MAX = 8
COLUMNS_MAX = 120  # Text between quotes does not count: a message is found by grep if it is whole.
LAYERS = ("proto", "cluster", "xdp", "node")
# In test/lib, and in no archive beside the file of that name.
TEST_TWINS = tuple("test/lib/" + n for n in ("apply.c", "follow.c", "follow.h", "mutant.h", "pki.c", "pki.h"))
# Rooms of the core with more than one file.
SHARED = {
    "exchange": ("exchange_env", "exchange_propose", "lane"),
    "follow": ("committed", "proposals"),
    "half_open": ("half_open_share",),
    "requests": ("requests_child",),
    "sequence": ("sequence_frames",),
}

bad = 0


def fail(where, what):
    global bad
    bad += 1
    print(f"{where}: {what}")


def sources(*tops):
    for top in tops:
        for folder, _, names in sorted(os.walk(top)):
            for name in sorted(names):
                if name.endswith((".c", ".h")) and not name.endswith(".bpf.c"):
                    yield os.path.join(folder, name)


def bare(text):
    """Without comments and strings; every line stays a line."""
    def blank(match):
        token = match.group(0)
        return "\n" * token.count("\n") if token[0] == "/" else '""'
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, text,
                  flags=re.S)


def layout(path, text):
    """What clang-format would do everywhere; it is not run on all, as tables keep their columns."""
    for number, line in enumerate(text.split("\n"), 1):
        columns = len(re.sub(r'"(?:\\.|[^"\\])*"', '""', line).expandtabs(8))
        if columns > COLUMNS_MAX:
            fail(f"{path}:{number}", f"{columns} columns, more than {COLUMNS_MAX}")
        if line != line.rstrip() or line.startswith("    "):
            fail(f"{path}:{number}", "spaces at the end, or tabs missing in front")
    if "\n\n\n" in text or not text.endswith("\n") or text.endswith("\n\n"):
        fail(path, "two empty lines, or one at the end, or no newline there")


code = {}
for path in sources(*LAYERS, "test"):
    with open(path, encoding="utf-8") as file:
        whole = file.read()
    layout(path, whole)
    code[path] = bare(whole)
product = {p: c for p, c in code.items() if p.startswith(LAYERS)}

# Functions: a "{" and its "}" at the beginning of a line.
for path, text in code.items():
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start - 1 > FUNCTION_MAX:
                fail(f"{path}:{start}", f"a function of {number - start - 1} lines")
            start = None

# Planted bugs: "if (MUTANT(X))", with what else the bug looks at, is a statement of its own, so who
# reads the product skips it whole. It has no "else".
ALONE = re.compile(r"(\t+)if \(MUTANT\(MUTANT_\w+\)(?: && (?:(?!MUTANT|\|\|).)+)?\)( \{)?")
for path, text in product.items():
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if "MUTANT(" not in line or path == "proto/mutant.h":
            continue
        match = ALONE.fullmatch(line)
        if match:
            end = match.group(1) + "}" if match.group(2) else ""
            behind = number + 2 if not end else next(
                (i for i in range(number, len(lines)) if lines[i].startswith(end)), number)
            match = "else" not in lines[behind]
        if not match:
            fail(f"{path}:{number + 1}", "a planted bug is a statement of its own, if (MUTANT(X)) ...;")

# Structs: one name, one struct.
where = {}
for path, text in product.items():
    for match in re.finditer(r"^struct (\w+) \{", text, re.M):
        line = text.count("\n", 0, match.start()) + 1
        if match.group(1) in where:
            fail(f"{path}:{line}", f"struct {match.group(1)} is that of {where[match.group(1)]} too")
        where[match.group(1)] = f"{path}:{line}"

# Fields: somebody names each of them, beside its declaration.
words = {}
for text in code.values():
    for word in re.findall(r"\b[a-z_]\w*\b", text):
        words[word] = words.get(word, 0) + 1
for path, text in product.items():
    for match in re.finditer(r"^struct \w+ \{\n(.*?)^\}", text, re.M | re.S):
        for field in re.finditer(r"^\t+(?:\w+[ \t]+)+\**(\w+)(?:\[[^\]\n]*\])*;", match.group(1), re.M):
            if words[field.group(1)] == 1:
                line = text.count("\n", 0, match.start(1) + field.start(1)) + 1
                fail(f"{path}:{line}", f"nobody uses the field {field.group(1)}")

# Rooms of the core: c->ROOM->x is its own files' alone.
internal = code["cluster/core/rooms.h"]
rooms = re.findall(r"^\tstruct \w+ \*(\w+);", internal[internal.index("struct core {"):], re.M)
rooms = [r for r in rooms if r not in ("seal", "state", "consensus", "actions", "in_force")]
owners = {}
for path, text in product.items():
    for room in set(re.findall(r"\bc->(\w+) = core_room\(", text)):
        owners[room] = os.path.basename(path)[:-2]
for path, text in product.items():
    if not path.startswith("cluster/core/"):
        continue
    name = os.path.basename(path)[:-2]
    for room in rooms:
        owner = owners.get(room, room)
        for match in re.finditer(rf"\bc->{room}\b", text):
            if name != owner and name not in SHARED.get(owner, ()):
                fail(f"{path}:{text.count(chr(10), 0, match.start()) + 1}",
                     f"c->{room} is the room of {owner}.c")

# Base names: an archive keeps one object of a name, and a reader one file in his head.
named = {}
for path in [*product, *sources("test/lib")]:
    name = os.path.basename(path)
    first = named.setdefault(name, path)
    if first != path and path not in TEST_TWINS:
        fail(path, f"has the name of {first}")

# Circles: files of one layer that call each other in a loop (Tarjan).
defined = {}
for path, text in product.items():
    if path.endswith(".c"):
        for match in re.finditer(r"^(?!static)\w[\w \*]*?\b(\w+)\([^;{]*\)\n\{", text, re.M):
            defined.setdefault(match.group(1), path)
calls = {}
for path, text in product.items():
    if path.endswith(".c"):
        own = set(re.findall(r"^static [\w \*]*?\b(\w+)\(", text, re.M))
        called = {defined.get(w) for w in set(re.findall(r"\b(\w+)\(", text)) - own}
        calls[path] = {p for p in called if p and p != path and p.split("/")[0] == path.split("/")[0]}
sys.setrecursionlimit(10000)
index, low, stack, circles = {}, {}, [], []


def visit(v):
    index[v] = low[v] = len(index)
    stack.append(v)
    for w in calls[v]:
        if w not in index:
            visit(w)
            low[v] = min(low[v], low[w])
        elif w in stack:
            low[v] = min(low[v], index[w])
    if low[v] == index[v]:
        circle = [stack.pop()]
        while circle[-1] != v:
            circle.append(stack.pop())
        circles.append(sorted(circle))


for path in calls:
    if path not in index:
        visit(path)
for circle in circles:
    if len(circle) > CIRCLE_MAX:
        fail(circle[0], f"{len(circle)} files call each other in a circle: " + ", ".join(circle))

sys.exit(bad > 0)
