"""Change a photo in its structure: its parts, the numbers in them, and sometimes the bytes of the whole."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from testing.fuzz.parts import Part, join, split

MAX_CHANGES = 4
# Of mutants whose bytes are changed too; of those, the ones that are written again from their parts.
RAW_SHARE, REPAIRED_SHARE = 0.25, 0.7
INNER_SHARE = 0.6  # of changes inside a part that has inner parts
HEADER = 640  # bytes, where most changes of the whole are
MAX_MUTANT = 10**5  # bytes
NUMBERS = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65534, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def mutate(name: str, data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return a mutant of a photo of the format `name`. `others` are photos whose parts may be put in."""
    parts = split(name, data)
    others_parts = split(name, random.choice(others))
    for _ in range(random.randint(1, MAX_CHANGES)):
        parts = _change_parts(parts, others_parts, random)
    mutant = join(name, parts)
    if random.random() < RAW_SHARE:
        mutant = _change_bytes(mutant, random, min(len(mutant), random.choice([64, HEADER, len(mutant)])))
        if random.random() < REPAIRED_SHARE:
            mutant = join(name, split(name, mutant))
    return mutant[:MAX_MUTANT]


def _change_parts(parts: tuple[Part, ...], others: Sequence[Part], random: Random) -> tuple[Part, ...]:
    if not parts:
        return parts
    containers = [number for number, part in enumerate(parts) if part.inner]
    if containers and random.random() < INNER_SHARE:
        at = random.choice(containers)
        similar = [part.inner for part in others if part.kind == parts[at].kind and part.inner]
        inner = _change_parts(parts[at].inner, random.choice(similar) if similar else parts[at].inner, random)
        return (*parts[:at], replace(parts[at], inner=inner), *parts[at + 1 :])
    changed = list(parts)
    at, to = random.randrange(len(parts)), random.randrange(len(parts) + 1)
    match random.choice(["body"] * 10 + ["remove", "repeat", "move", "kind", "other", "other"]):
        case "body":
            changed[at] = replace(parts[at], body=_change_bytes(parts[at].body, random))
        case "remove":
            del changed[at]
        case "repeat":
            changed[to:to] = [parts[at]] * random.choice([1, 1, 1, 2, 50])
        case "move":
            changed.insert(to, changed.pop(at))
        case "kind":
            kind = random.choice([random.choice(parts).kind, _change_bytes(parts[at].kind, random)])
            changed[at] = replace(parts[at], kind=kind)
        case "other" if others:
            changed[to : to + random.randint(0, 1)] = [random.choice(others)]
    return tuple(changed)


def _change_bytes(data: bytes, random: Random, end: int | None = None) -> bytes:
    """Change, remove, insert or repeat bytes before `end`, or set a number of 1, 2, 4 or 8 bytes."""
    changed = bytearray(data)
    at = random.randrange(max(1, len(data) if end is None else end))
    match random.choice(["number"] * 5 + ["bit"] * 3 + ["byte"] * 3 + ["cut", "insert", "remove", "repeat"]):
        case "number":
            size = random.choice([1, 2, 2, 4, 4, 8])
            number = random.choice([random.choice(NUMBERS), len(data) + random.randint(-9, 9)]) % 256**size
            at -= at % random.choice([1, size])
            changed[at : at + size] = number.to_bytes(size, random.choice(["big", "little"]))
        case "bit" if data:
            changed[at] ^= 1 << random.randrange(8)
        case "byte":
            changed[at : at + random.randint(0, 3)] = random.randbytes(random.randint(1, 3))
        case "cut":
            del changed[at:]
        case "insert":
            changed[at:at] = random.choice([random.randbytes, bytes])(random.choice([1, 4, 20, 300]))
        case "remove":
            del changed[at : at + random.randint(1, 80)]
        case "repeat":
            changed[at:at] = changed[at : at + random.randint(1, 200)]
    return bytes(changed)
