"""Notifications: whom the operator's owner wants to be told, and the telling, which holds nothing up."""

from agentteam_operator.providers.notifications.channels import channel_of
from agentteam_operator.providers.notifications.config import (
    InvalidNotifiersError,
    NotifierConfig,
    facts_of,
    load_notifiers,
)
from agentteam_operator.providers.notifications.dispatcher import Dispatcher

__all__ = ["Dispatcher", "InvalidNotifiersError", "NotifierConfig", "channel_of", "facts_of", "load_notifiers"]
