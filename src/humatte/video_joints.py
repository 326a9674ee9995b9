"""Times that begin anew within a file, as where several were joined by `cat`, made to go on.

In: a file's packets, in its order. Out: the same, their times moved: each part begins where the
pictures of the part before end. Pictures lead, sound and subtitles keep their distance to them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

from av.packet import Packet
from av.stream import Stream

JOINABLE = frozenset({"mpegts", "mpeg"})
"""FFmpeg's names of the containers that stay readable when files are joined by `cat`."""
# Decoding times never go back within one file, but for a frame or two in broken ones.
_BACK = Fraction(1, 2)
# Packets of sound that wait for the pictures of their part: demuxers give those later.
_WAITING = 2000

Kind = TypeVar("Kind", bound=Stream)


class Onward:
    """Moves the times of a file's packets.

    Args:
        lead: the index of the pictures' stream. Its packets alone decide how far the others move,
            so that whoever reads the file once more, for its sound, gets the same.
    """

    def __init__(self, lead: int) -> None:
        self._lead = lead
        self._shifts = [Fraction(0)]  # of each part, in seconds
        self._parts: dict[int, int] = {}  # that each stream has come to
        self._times: dict[int, Fraction] = {}  # its latest decoding time
        self._step = Fraction(0)  # between the decoding times of the latest two pictures
        self._end = Fraction(0)  # of the pictures so far, moved

    @property
    def joints(self) -> int:
        """How often the pictures' times have begun anew."""
        return len(self._shifts) - 1

    def moved(self, packets: Iterable[Packet[Kind]]) -> Iterator[Packet[Kind]]:
        """The packets with their new times; what is ahead of its pictures comes after them."""
        waiting: deque[tuple[int, Packet[Kind]]] = deque()
        for packet in packets:
            part = self._part_of(packet)
            if packet.stream_index == self._lead:
                self._lead_on(packet, part)
            waiting.append((part, packet))
            for _ in range(len(waiting)):
                part, earlier = waiting.popleft()
                if part > self.joints and len(waiting) < _WAITING:
                    waiting.append((part, earlier))
                else:
                    yield self._placed(earlier, part)
        for part, earlier in waiting:
            yield self._placed(earlier, part)

    def _part_of(self, packet: Packet[Any]) -> int:
        index, time = packet.stream_index, _time(packet)
        part = self._parts.setdefault(index, 0)
        if time is not None:
            if time < self._times.get(index, time) - _BACK:
                part = self._parts[index] = part + 1
            elif index == self._lead and index in self._times:
                self._step = time - self._times[index] or self._step
            self._times[index] = time
        return part

    def _lead_on(self, packet: Packet[Any], part: int) -> None:
        if packet.pts is None:
            return
        shown = packet.pts * packet.time_base
        if part > self.joints:
            self._shifts.append(self._end - shown)
        # Where packets do not say how long: as long as the latest two are apart in decoding.
        lasts = (packet.duration or 0) * packet.time_base or self._step
        self._end = max(self._end, shown + self._shifts[-1] + lasts)

    def _placed(self, packet: Packet[Kind], part: int) -> Packet[Kind]:
        shift = self._shifts[min(part, self.joints)]
        if shift:
            ticks = round(shift / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        return packet


def _time(packet: Packet[Any]) -> Fraction | None:
    time = packet.dts if packet.dts is not None else packet.pts
    return None if time is None else time * packet.time_base
