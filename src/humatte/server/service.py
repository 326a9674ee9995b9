"""What lives as long as the service: the networks, the line, the jobs, the counts."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from starlette.requests import Request

from humatte import catalog
from humatte.batching import SharedNetwork
from humatte.errors import UsageError
from humatte.network import Facts, Network, facts_of
from humatte.pipeline import Room
from humatte.server.jobs import Jobs
from humatte.server.line import Line
from humatte.server.measures import Measures, resident_bytes
from humatte.server.settings import Settings
from humatte.server.tasks import go_on

# Of all pictures under way, which hold about 25 bytes for each of their pixels.
_ROOM_OF_PICTURES = 2


class Service:
    """One running service. `open` and `close` may take seconds: call them in a thread.

    Args:
        settings: limits.
        network: stands in for the default one.
    """

    def __init__(self, settings: Settings, network: Network | None = None) -> None:
        self.settings = settings
        self.measures = Measures()
        self.line = Line(settings.queue, settings.workers, settings.timeout_s, settings.max_bytes)
        self.room = Room(_ROOM_OF_PICTURES * settings.max_megapixels)
        self.jobs = Jobs(settings)
        self.opened, self.stopping = False, False
        self._opening = threading.Lock()
        self._networks: dict[str, SharedNetwork] = {}
        self._facts: dict[str, Facts] = {}  # of those that are not open
        self._own = network

    def open(self) -> None:
        """Opens the default network, and clears up behind servers that were killed.

        Raises:
            UsageError, NetworkError: there is no such network.
        """
        self.jobs.open()
        self.network(None)
        self.opened = True

    @property
    def ready(self) -> bool:
        """Whether requests about pictures should come."""
        return self.opened and not self.stopping

    def stop(self) -> None:
        """From now on nothing new is begun. May be called within a signal's handler."""
        self.stopping = True

    def close(self) -> None:
        """Waits for the pictures being worked on; gives up clips, which may take an hour."""
        self.stop()
        self.line.close()
        self.jobs.close()

    def names(self) -> dict[str, str]:
        """The networks that requests may name, each with what `humatte.catalog.load` takes."""
        found = {name: name for name in catalog.names()}
        if self.settings.model not in found:
            found[self.default] = self.settings.model
        return found

    @property
    def default(self) -> str:
        """The name of the network of requests that name none."""
        model = self.settings.model
        return model if model in catalog.names() else catalog.find(model).stem

    def network(self, name: str | None) -> SharedNetwork:
        """The network of a request, opened once.

        Raises:
            UsageError: none is called that.
        """
        name, known = name or self.default, self.names()
        if name not in known:  # before anything else: other words may be paths
            raise UsageError(
                f"no network is called '{name[:60]}'; expected one of {', '.join(sorted(known))}"
            )
        with self._opening:
            if name not in self._networks:
                own = self._own if name == self.default else None
                found = own or self._open(known[name])
                self._networks[name] = SharedNetwork(found, before=go_on)
            return self._networks[name]

    def facts(self, name: str) -> Facts:
        """What one of `names` says about itself. Opens none: an open network keeps its memory.

        Raises:
            NetworkError: its file is no longer there.
        """
        opened = self._networks.get(name)
        if opened is not None:
            return opened.facts
        if name not in self._facts:
            self._facts[name] = facts_of(catalog.find(self.names()[name]))
        return self._facts[name]

    def _open(self, model: str) -> Network:
        return catalog.load(model, *self.settings.running)

    def gauges(self) -> Mapping[str, tuple[str, str, float]]:
        """What is true now, for `Measures.text`."""
        line, networks = self.line, list(self._networks.values())
        found: dict[str, tuple[str, str, float]] = {
            "humatte_line": ("gauge", "Requests about pictures inside.", line.inside),
            "humatte_line_most": ("gauge", "As many as there may be.", line.most),
            "humatte_line_bytes": ("gauge", "Bytes of bodies in memory.", line.bytes_held),
            "humatte_refused_total": ("counter", "Requests answered 429.", line.refused),
            "humatte_network_runs_total": (
                "counter",
                "Runs of the networks.",
                sum(network.runs for network in networks),
            ),
            "humatte_network_pictures_total": (
                "counter",
                "Pictures in these runs.",
                sum(network.pictures for network in networks),
            ),
        }
        for state, count in self.jobs.states().items():
            name = f'humatte_jobs{{state="{state}"}}'
            found[name] = ("gauge", "Video jobs by state.", count)
        resident = resident_bytes()
        if resident is not None:
            found["process_resident_memory_bytes"] = ("gauge", "Resident memory.", resident)
        return found


def service_of(request: Request) -> Service:
    """The service that a request is for."""
    found: Service = request.app.state.service
    return found
