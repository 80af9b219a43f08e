#!/usr/bin/env python3
"""The seed and the streams, written from the book alone. Prints the test vectors of `seed.md`.

Shares no code with the rest of the project: where both agree, the book says what the code does.
"""

P = 21888242871839275222246405745257275088548364400416034343698204186575808495617
WIDTH, HALF_FULL, PARTIAL = 16, 4, 57


def grain():
    """Numbers of 254 bits from the Grain LFSR in self-shrinking mode."""
    register = []
    for value, width in (1, 2), (0, 4), (254, 12), (WIDTH, 12), (8, 10), (PARTIAL, 10), (2**30 - 1, 30):
        register += [int(bit) for bit in format(value, f"0{width}b")]

    def clock():
        taps = (62, 51, 38, 23, 13, 0)
        register.append(sum(register[tap] for tap in taps) % 2)
        register.pop(0)
        return register[-1]

    def bit():
        while not clock():
            clock()
        return clock()

    for _ in range(160):
        clock()
    while True:
        yield int("".join(str(bit()) for _ in range(254)), 2)


NUMBERS = grain()
ELEMENTS = (number for number in NUMBERS if number < P)
FIRST = [[next(ELEMENTS) for _ in range(WIDTH)] for _ in range(HALF_FULL)]
MIDDLE = [next(ELEMENTS) for _ in range(PARTIAL)]
LAST = [[next(ELEMENTS) for _ in range(WIDTH)] for _ in range(HALF_FULL)]
for _ in range(7):  # six diagonals are rejected
    D = [(next(NUMBERS) - 1) % P for _ in range(WIDTH)]

M4 = [[5, 7, 1, 3], [4, 6, 1, 1], [1, 3, 5, 7], [1, 1, 4, 6]]


def external(state):
    def entry(i, j):
        return (2 if i // 4 == j // 4 else 1) * M4[i % 4][j % 4]

    return [sum(entry(i, j) * state[j] for j in range(WIDTH)) % P for i in range(WIDTH)]


def permute(state):
    state = external(state)
    for constants in FIRST:
        state = external([pow(x + c, 5, P) for x, c in zip(state, constants)])
    for constant in MIDDLE:
        state = [pow(state[0] + constant, 5, P)] + state[1:]
        state = [(sum(state) + d * x) % P for x, d in zip(state, D)]
    for constants in LAST:
        state = external([pow(x + c, 5, P) for x, c in zip(state, constants)])
    return state


def tag(text):
    return int.from_bytes(text.encode(), "big")


def digest(domain, *inputs):
    return permute([tag(domain), *inputs] + [0] * (WIDTH - 1 - len(inputs)))[1]


def stream_tag(kind, limb_bits, fraction_bits, lo=0, hi=0):
    low = kind << 80 | limb_bits << 72 | fraction_bits << 64 | lo % 2**32 << 32 | hi % 2**32
    return tag("nascent/str/v1") << 96 | low


def show(name, value):
    print(f"{name:<22}{value.to_bytes(32, 'little').hex()}")


def main():
    state = permute(list(range(WIDTH)))
    show("permutation, lane 0", state[0])
    show("permutation, lane 15", state[15])
    show("pk of sk = 0", digest("nascent/pk/v1", 0))
    secret, beacon, model = 1, 2, 3
    answer = digest("nascent/vrf/v1", secret, beacon)
    key = digest("nascent/key/v1", answer, beacon, model)
    show("pk", digest("nascent/pk/v1", secret))
    show("y", answer)
    show("kappa", key)
    show("two beacon values", digest("nascent/bcn/v1", 2, 1, 2))
    output = permute([stream_tag(0, 16, 12), key, 0] + [0] * 13)[1]
    show("first output", output)
    print("its limbs", [output >> 16 * j & 0xFFFF for j in range(15)])


if __name__ == "__main__":
    main()
