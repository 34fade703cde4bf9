"""Which addresses and ports an outgoing connection may reach: the rule against being used to attack the inside.

Called by `http` before it dials and by `fence` when another library does. Only judges; never resolves, never connects.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from executors.errors import PermanentFailure

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Not private by the registry, yet each carries or relays an IPv4 address somebody else chose.
_TUNNELS = tuple(
    ipaddress.ip_network(text)
    for text in ("::/96", "2001::/32", "2002::/16", "64:ff9b::/96", "64:ff9b:1::/48", "fec0::/10", "192.88.99.0/24")
)


@dataclass(frozen=True)
class Egress:
    """The operator's rule: public addresses, plus `allow_nets`; any port, or only `allow_ports`."""

    allow_nets: tuple[Network, ...] = ()
    allow_ports: frozenset[int] | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Egress":
        """Reads `http_allow_nets` (CIDR texts) and `http_allow_ports` (None means any)."""
        ports: Iterable[int] | None = settings.get("http_allow_ports")
        return cls(
            tuple(ipaddress.ip_network(net, strict=False) for net in settings.get("http_allow_nets") or ()),
            None if ports is None else frozenset(int(port) for port in ports),
        )

    def check_port(self, port: int) -> None:
        if self.allow_ports is not None and port not in self.allow_ports:
            allowed = ", ".join(str(one) for one in sorted(self.allow_ports)) or "none"
            raise PermanentFailure(
                f"Port {port} may not be called. Allowed ports: {allowed}; an operator can add it to http_allow_ports.",
                kind="blocked_target",
            )

    def check_address(self, address: str, *, host: str) -> None:
        """`address` is a resolved address. The message names only the host: where a name leads inside is not told."""
        if not self.allows(ipaddress.ip_address(address.partition("%")[0])):
            raise PermanentFailure(
                f"{host} may not be called: it is, or resolves to, a private, loopback or reserved address. "
                "An operator can allow its network in http_allow_nets.",
                kind="blocked_target",
            )

    def allows(self, address: Address) -> bool:
        mapped = getattr(address, "ipv4_mapped", None)
        if mapped is not None:
            return self.allows(mapped)
        if any(address in net for net in self.allow_nets):
            return True
        return address.is_global and not address.is_multicast and not any(address in net for net in _TUNNELS)
