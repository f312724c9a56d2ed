"""The deployed Lambda functions, one package a verb: parse, one use case, map."""

import gc

# A start makes a hundred thousand objects, and none of them is garbage: looking for some costs a fifth of it.
gc.disable()


def started() -> None:
    """Say that everything is there that stays: garbage is looked for from now on, among what comes after.

    Seldom, since there is little of it: what a scan decodes holds no cycles and goes when it is done with. Source:
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
