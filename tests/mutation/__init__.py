"""Mutation testing: a small wrong change at a time to the code that decides and writes, and the tests must notice.

    python -m tests.mutation                       every module of `targets`, then docs/benchmarks/mutation.md
    python -m tests.mutation core/view.py          some modules
    python -m tests.mutation --survivors           what has survived so far, with the changed lines
    python -m tests.mutation --minutes 20          stop then; the next run goes on where this one stopped

Results are kept under build/mutants, by the text of the module. A mutant that survived is tried again in each run, for
a test may have been added; one that was killed is not, until its module changes or `--afresh` is given.
"""
