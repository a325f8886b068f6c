"""The newest value of everything that clients follow, for each client that has not seen it yet."""

import asyncio
from dataclasses import dataclass, field

from serving.events.places import SENT, StreamPlaces


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed.

    Attributes:
        name: kind of event, such as `prediction`.
        key: what changed; a newer event of the same name and key takes the place of an older one.
        data: JSON.
    """

    name: str
    key: str
    data: str


@dataclass(eq=False, slots=True)
class Subscription:
    """The events that one client has not been sent yet: at most one for each name and key, however slow it is."""

    _waiting: dict[tuple[str, str], Event] = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Event) -> None:
        """Keep `event` in place of an older one."""
        self._waiting.pop((event.name, event.key), None)
        self._waiting[event.name, event.key] = event
        self._arrived.set()

    async def get(self) -> Event:
        """The event that has waited longest, as soon as there is one."""
        await self._arrived.wait()
        event = self._waiting.pop(next(iter(self._waiting)))
        if not self._waiting:
            self._arrived.clear()
        SENT["events"].count += 1
        return event

    def __len__(self) -> int:
        return len(self._waiting)


class EventBoard:
    """Passes each event to every subscription, without waiting for any."""

    def __init__(self, places: StreamPlaces) -> None:
        """Each subscription takes one of `places`."""
        self._places = places
        self._subscriptions: set[Subscription] = set()

    @property
    def has_subscribers(self) -> bool:
        """Whether an event would reach anybody."""
        return bool(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Give `event` to every subscription."""
        for subscription in self._subscriptions:
            subscription.put(event)

    def subscribe(self) -> Subscription:
        """A new subscription, until `unsubscribe`.

        Raises:
            Problem: 429 when there are too many already.
        """
        self._places.take("events")
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        if subscription in self._subscriptions:
            self._subscriptions.discard(subscription)
            self._places.leave("events")
