"""The proofs of the judgement: thousands of simulated releases, played through the product's own `decide`.

Only the traffic and the pods' counters are simulated (`traffic.py`, with the faults of `faults.py`); phases, looks,
evidence, verdicts and transitions are the product's. The rules of other tools, as we model them (`peers.py`), judge
releases with the same faults. `eprocess.py` tries the bare test on far more releases than the whole engine can play.

    python -m tests.judgement            all of it (over half an hour on two idle cores); what is there isn't redone
    python -m tests.judgement --only NAME --releases N --seed S      one kind, printed

Every figure follows from its seed: the same seed gives the same release, in any order and on any number of processes.
"""
