"""I/O out: the only package that writes what teams are made of.

`execute` carries a decision out through a `ClusterWriter`; `KubeWriter` is the real one. Each write states what it
rests on (a resource version, a UID), so that a stale decision, a second operator or a namesake made in the meantime
ends in a `Conflict` and changes nothing.
"""

from agentteam_operator.apply.execute import ClusterWriter, Executed, NameConflict, execute
from agentteam_operator.apply.notifier import Notifier
from agentteam_operator.apply.writer import KubeWriter

__all__ = ["ClusterWriter", "Executed", "KubeWriter", "NameConflict", "Notifier", "execute"]
