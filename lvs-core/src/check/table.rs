//! All findings there are: the one place where their codes, weights and explanations stand.

use super::Severity::{Error, Note, Warning};
use super::code::{Area, Code, Entry};

/// Declares the codes as constants and as one table, so that neither can miss one.
macro_rules! codes {
    ($($name:ident = $number:literal, $severity:expr, $area:ident, $title:literal,
        impact: $impact:literal, $explanation:literal;)*) => {
        impl Code {
            $(#[doc = concat!($title, ".")] pub const $name: Self = Self($number);)*
        }

        pub(super) const TABLE: &[Entry] = &[$(Entry {
            code: Code::$name,
            severity: $severity,
            area: Area::$area,
            title: $title,
            impact: $impact,
            explanation: $explanation,
        }),*];
    };
}

codes! {
ARP_IGNORE = 1, Error, Arp, "A real server answers ARP for the virtual IP",
impact: "the router may learn this machine's MAC for the virtual IP; then every client lands here, past the director",
"In direct routing every real server carries the virtual IP, and only arp_ignore keeps it quiet about it. \
The kernel takes the greater of conf/all and the interface where the question arrives; a value on lo alone does nothing, \
conf/default changes nothing for an interface that has an address, and 3 in either place re-opens what 1 had hidden. \
It shows as one server that gets everything while the director counts no connection. Set arp_ignore=1 on all, before the virtual IP is added.";

ARP_ANNOUNCE = 2, Error, Arp, "A real server asks by ARP in the virtual IP's name",
impact: "its own questions tell the router that the virtual IP is at its MAC, and the router believes it",
"A real server answers clients from the virtual IP. To find its gateway's MAC it asks by ARP, and with arp_announce 0 or 1 it may name \
the virtual IP as the asker; whoever hears it updates its neighbour table. arp_ignore=1 alone therefore works until the first such question. \
The greater of conf/all and the sending interface counts. Set arp_announce=2 on all.";

ARP_PROBE = 3, Error, Arp, "Somebody other than the director answers for the virtual IP",
impact: "whoever answers first gets the traffic of all clients behind the router that asked",
"An ARP question for the virtual IP, asked in nobody's name so that no neighbour table changes, was answered by a hardware address that is not the director's. \
That machine carries the virtual IP without arp_ignore, or is another host with the same address. \
Find it by its MAC, set arp_ignore=1 and arp_announce=2 on all there, and let the router forget: ip neigh flush to the virtual IP.";

VIP_ON_NIC = 4, Error, Arp, "A real server has the virtual IP on a network interface",
impact: "arp_ignore=1 hides only addresses of other interfaces; this one is answered for",
"With arp_ignore=1 an interface answers for its own addresses. The virtual IP of a real server belongs on lo (or a dummy), where no question ever arrives. \
For IPv6 there is no arp_ignore at all, so the interface is the only protection: on a network interface the real server \
advertises the address or finds a duplicate. Delete it there and add it to lo.";

VIP_MISSING_ON_SERVER = 5, Error, Addresses, "A real server lacks the virtual IP",
impact: "packets arrive with the virtual IP as destination and are dropped or sent on as somebody else's",
"Direct routing changes nothing in the packet but the MAC address, and a tunnel nothing inside: the real server must own the virtual IP, as /32 on lo or the tunnel device. \
Without it, connections to this server stay in SYN_RECV on the director and the client waits until it gives up, while a health check of the real IP is green. \
Set the ARP switches first, then add the address.";

VIP_MISSING_ON_DIRECTOR = 6, Error, Addresses, "The director lacks the virtual IP",
impact: "nobody answers for it, and packets that arrive all the same are not delivered to IPVS",
"IPVS sees packets on their way to a local socket; a virtual IP that is no address of the director never comes that far. \
Clients see \"no route to host\" and the service counts nothing. Somebody deleted it, or another address of its network went away and took it along. \
Add it with the prefix of the file.";

NETWORK_ON_LO = 7, Error, Addresses, "A whole network is on lo",
impact: "every address of that network is this machine to itself: gateways, health checks and neighbours in it cannot be reached",
"An address on lo makes its whole network local, unlike on any other interface. A virtual IP given to a real server as /24 \
swallows the network it came from, the gateway included; with arp_ignore=0 the server even answers ARP for addresses that nobody has. \
It shows as a failing health check while what was already resolved goes on working. On lo, give the virtual IP as /32 (IPv6 /128).";

BROADCAST = 8, Warning, Addresses, "A single address has the broadcast of a network",
impact: "packets to that broadcast address are taken for this machine's, on an interface that has no such network",
"A /32 has no network, so its broadcast address is the address itself or none. Recipes that copy the broadcast of the subnet make the kernel \
treat that subnet's broadcasts as local. The broadcast cannot be changed in place: delete the address and add it again, \
on a real server with the ARP switches set.";

SECONDARY_VIP = 9, Warning, Addresses, "The virtual IP shares a network with another address of its interface",
impact: "when the one that was added first is deleted, the kernel deletes the other with it",
"Of several addresses in one network on one interface, the first is primary and the others hang on it: without promote_secondaries \
deleting the primary deletes them all, and a failover or a renewed lease is enough. Give the virtual IP as /32, \
which belongs to no network, or set promote_secondaries=1.";

VIP_UPSTREAM = 10, Note, Routing, "The virtual IP is on no network of the director",
impact: "no neighbour will ask for it by itself; routers have to be told the way",
"A virtual IP outside the networks of the director is reached only where the router in front has a route to it: \
to the director's address as gateway, or as a host route on that link. That is sound, and the usual way of direct routing, \
but it is done on the router. Nothing arrives until it is; this note goes away once connections were counted.";

DUPLICATE_ADDRESS = 11, Error, Addresses, "An IPv6 address is not in use because another machine has it",
impact: "the kernel does not use an address that failed duplicate address detection",
"Before it uses an IPv6 address, the kernel asks whether anybody has it. On a real server the answer for a virtual IP is yes, the director, \
and the address stays marked dadfailed, useless. Add it to lo with nodad, as the plan does; \
on the director, find the other machine first.";

REAL_IP = 12, Error, Addresses, "A real server's address cannot be a destination",
impact: "the director would send the packets to itself, or the kernel refuses the destination",
"The address of a real server must be one that the director reaches over a network. A loopback address is the director's own, \
and IPVS refuses IPv6 link-local addresses because it does not know the link. The kernel takes 127.0.0.1 without a word. \
Put the address on the network first in the real server's list.";

NAT_GATEWAY = 13, Error, Routing, "Answers of a masqueraded real server bypass the director",
impact: "clients get answers from an address they never spoke to, and drop them",
"With NAT the director rewrites requests, and must rewrite answers back; they have to pass through it. So the default gateway of the real server is \
an address of the director on its network. Otherwise connections stay in SYN_RECV, and the service counts packets in and none out. \
Set the gateway to the director's address.";

DR_GATEWAY = 14, Error, Routing, "A real server answers through the director, which it should bypass",
impact: "the director drops packets that claim to come from its own virtual IP",
"In direct routing and tunnels answers carry the virtual IP as their source and go straight to the client. Sent through the director, they arrive there with a source \
that is its own address, which the kernel takes for a forgery. Let the real server use the router as gateway.";

SHARED_LINK = 15, Error, Routing, "Director and real server share no network",
impact: "direct routing reaches a machine by its MAC address only; through a router the packet comes back to the director",
"Direct routing puts the real server's MAC address on the packet and leaves the virtual IP in it. A router in between would look at that IP and \
send the packet to the director again. Director and real server need addresses in one network on one link; over other distances use NAT or a tunnel.";

NO_DEFAULT_ROUTE = 16, Warning, Routing, "A real server has no default route",
impact: "clients outside its own networks get no answer",
"A real server answers clients itself, by its own routing table. Without a default route only clients on its own networks are reached, \
and all others see a connection that never comes about. With NAT the gateway is the director, with direct routing the router.";

REDIRECTS = 17, Warning, Routing, "Masquerading over a single interface with redirects on",
impact: "the director tells real servers of a shorter way to clients on the same link; they take it, and answers are no longer rewritten",
"When a packet leaves by the interface it came in by, a router sends an ICMP redirect. With NAT on one interface that advice is poison: it works until a real server \
believes it. The switch is on if either conf/all or the interface is on, so both have to be 0, and the real servers \
should have accept_redirects=0. Two interfaces, one for clients and one for real servers, avoid it altogether.";

CLIENT_ON_SERVER_NETWORK = 18, Warning, Routing, "Clients may be on the real servers' network",
impact: "a real server answers a neighbour directly, past the director, and the client drops the answer",
"With NAT a client on a network of the real servers is reached by them without any gateway. Its answers come from the real IP, not the virtual one. \
Other clients work, which makes it hard to find; on the director its connections stay in SYN_RECV. \
Keep clients off that network, or use direct routing, which does not mind.";

FORWARDING = 19, Error, Routing, "The director does not route where answers arrive",
impact: "answers of the real servers are dropped on the director",
"IPVS sends masqueraded requests on by itself, but answers are routed like any packet: the interface where they arrive needs forwarding=1. \
That is the interface's own switch. ip_forward sets it everywhere, but only when its value changes, so ip_forward=1 does not prove it. \
Direct routing needs none of this. It shows as packets in and none out.";

RP_FILTER = 20, Warning, Routing, "Packets of clients arrive by another way than they are answered",
impact: "strict rp_filter drops every packet whose source would be answered by another interface",
"rp_filter=1 drops a packet unless the route back to its source leaves by the interface it arrived on; the greater of conf/all and the interface counts. \
In direct routing that is common: requests come from the director by one interface, answers leave by another. \
The kernel drops without a word, but counts IPReversePathFilter. Set it to 2, loose, there; 0 in one place does not help while the other is 1.";

NO_DESTINATION = 21, Error, Services, "Nobody takes connections of a service",
impact: "every client is refused",
"All destinations of the service have weight 0, or there are none. The kernel answers each new connection as if no such port existed, \
and logs \"no destination available\". Connections that are there go on. Give a destination a weight, or end the drain.";

HASH_WITHOUT_FALLBACK = 22, Warning, Services, "A hashing scheduler keeps choosing a drained real server",
impact: "the clients that hash to it are refused instead of going elsewhere",
"mh, sh and dh compute the destination from the client's (dh: the service's) address. A server of weight 0 keeps its place in their table, so that other clients do not move, \
and its own clients are refused unless the service has the scheduler's fallback flag. Add sh-fallback or mh-fallback; dh has none.";

FTP = 23, Warning, Services, "FTP whose data connections find another real server",
impact: "login works, and the first listing or transfer hangs",
"An FTP client opens a second connection for data. With NAT only the module ip_vs_ftp understands where to; without it, the real server's own \
address is told to the client. With direct routing the service needs persistence, so that both connections meet the same real server. \
Load ip_vs_ftp, or add persistence.";

PORT_ZERO = 24, Error, Services, "A service of every port has no persistence",
impact: "the kernel schedules nothing for it and only logs that port zero needs persistence",
"Port 0 means every port, and works only for persistent services. The kernel accepts it without persistence over netlink all the same, \
though ipvsadm refuses it. Name a port, or give the service persistence.";

WIDE_PERSISTENCE = 25, Warning, Services, "Persistence makes one client of a whole region",
impact: "everybody within the mask meets one real server, and the others idle",
"The persistence netmask says which clients count as one. Below /24 (IPv6 /48) that is a provider or a country: the load no longer spreads, \
and draining one server moves half the users. The mask exists for clients behind a few neighbouring proxies. Use /32 or /24.";

STICKY_DRAIN = 26, Warning, Services, "Clients stick to a drained real server",
impact: "a drain never ends: clients it knows keep coming back",
"Weight 0 keeps new clients away, but a persistence template sends its client to the same server however long it returns within the timeout. \
With net/ipv4/vs/expire_quiescent_template=1 templates of drained servers are ignored, and their clients are scheduled anew. \
Set it before draining persistent services.";

THRESHOLD_RULE = 27, Note, Services, "An upper threshold stands alone",
impact: "a full server is used again only when it has fewer than three quarters of the upper threshold",
"A destination that reached its upper threshold takes no connections until it has fewer than the lower one. Without a lower threshold \
the kernel uses three quarters of the upper. TCP connections count until the kernel forgets them, two minutes after they were closed. \
Name the lower threshold, so that the next reader knows it.";

OVERLOADED = 28, Warning, Services, "A real server is at its upper threshold",
impact: "it takes no connections, although its weight says otherwise",
"Active and inactive connections together have reached the destination's upper threshold, and it is out of the rotation until there are fewer than the lower one. \
If all are, clients are refused. A threshold that is small and old is easily forgotten: raise it, or set it to 0.";

ONE_SERVER = 29, Warning, Services, "A service has a single real server",
impact: "when it goes, or is drained, the service is gone",
"Balancing among one is routing. The cluster works, but there is nowhere to go for clients when that machine is taken out for maintenance or fails, \
and drain will refuse them all. Name a second real server.";

NOT_LOADED = 30, Error, Services, "IPVS is not loaded on the director",
impact: "nothing is balanced: packets to the virtual IP meet this machine's own ports",
"The module ip_vs is not in the kernel, so no service can be. It is loaded by whatever changes the table for the first time; \
usually this means that nothing was applied since the machine started. Run lvsctl apply, and see that it runs at every start.";

NO_SCHEDULER = 31, Error, Services, "A service has no scheduler",
impact: "the kernel refuses every new connection",
"The kernel reports the scheduler of this service as none. It was set so by hand, or its module is gone. \
Every new connection is refused, though the destinations and their weights look well. \
Load the module ip_vs_NAME and edit the service; lvsctl apply does both.";

PORT_WITHOUT_NAT = 32, Warning, Services, "A destination of direct routing has another port",
impact: "packets keep the port of the service, so nothing ever reaches the port that is shown",
"Only masquerading rewrites ports. The kernel stores another port for direct routing and tunnels all the same, and shows it in every listing, \
but packets arrive at the service's port. ipvsadm corrects it silently; other programs do not. Use the service's port, or masquerading.";

NO_LISTENER = 33, Error, Services, "Nothing on a real server listens where packets arrive",
impact: "the real server refuses the connections that the director sends it",
"In direct routing packets arrive for the virtual IP and the service's port: a daemon bound to the real IP alone refuses them, while a health check of the real IP is green. \
With masquerading they arrive for the real IP and the destination's port. \
Bind the daemon to that address, or to every address.";

REUSE_STALLS = 34, Warning, Services, "Reused client ports stall for a second",
impact: "a client port that is used again soon meets a lost SYN, and waits a second for the next",
"Before kernel 5.9, conn_reuse_mode=1 together with conntrack=1 drops the first SYN of a connection from a port that has an old entry, \
which busy clients behind one address do all the time. Set net/ipv4/vs/conn_reuse_mode=0, or conntrack=0, or use a newer kernel.";

METHOD_CHANGE = 35, Warning, Services, "The forwarding method changes",
impact: "between the first and the last machine that changes, connections to it fail",
"Direct routing and masquerading want opposite things of a real server: virtual IP and own gateway, or none and the director as gateway. \
No order of changes keeps both working. Drain the real server first, change it and the director, and let it in again; one server after another.";

HALF_OPEN = 36, Error, Traffic, "Connections do not come about",
impact: "clients of this real server wait until they give up",
"Connections stay in SYN_RECV between two readings: the request was sent on, and no answer of the client ever came back. \
The real server drops it (no virtual IP, rp_filter, a firewall, switched off), or its answer goes astray (gateway, anti-spoofing of a cloud). \
Run check on the real server; where the director could tell the cause itself it names that instead.";

NO_ANSWERS = 37, Error, Traffic, "Packets come in and none go out",
impact: "no answer passes the director, so none is rewritten, and clients drop what reaches them",
"With masquerading both directions pass the director and both are counted. Packets in without packets out mean that the real servers answer another way \
(their gateway is not the director, or the client is their neighbour) or that the director does not forward. \
With direct routing no packets out are normal.";

ONE_GETS_ALL = 38, Warning, Traffic, "One real server gets everything",
impact: "the others idle",
"All connections that were counted between two readings went to one destination although others have weight. Persistence with a wide mask, \
a hashing scheduler with few clients, or a least-connection scheduler whose other servers are stuck do that. Look at scheduler, persistence and thresholds.";

GONE_DESTINATION = 39, Warning, Traffic, "Connections to a real server that was removed",
impact: "their packets are dropped silently until the connection expires, up to 15 minutes",
"The kernel keeps connections whose destination was deleted, and drops their packets unless net/ipv4/vs/expire_nodest_conn is 1; \
then the first packet ends the connection and the client can go elsewhere. Drain before removing, or set the switch.";

STUCK_UDP = 40, Warning, Traffic, "UDP clients are stuck on a drained real server",
impact: "the drain never ends: every datagram renews the entry",
"UDP has no end: an entry lives for udp-timeout after its last datagram, and a client that keeps sending keeps it. Weight 0 does not touch it. \
Delete the destination with expire_nodest_conn=1, shorten the timeout, or schedule every datagram on its own (one-packet).";

DIRECTOR_AS_CLIENT = 41, Warning, Traffic, "The director is a client of its own service",
impact: "with direct routing the real server answers itself, for it has the address too; such a test always fails",
"A connection from the director to its own virtual IP has the virtual IP or an address of its own as source. In direct routing the real server \
owns the virtual IP and its answer never comes back. The service may be well: test it from a client.";

NO_TRAFFIC = 42, Note, Traffic, "No traffic was seen",
impact: "nothing could be learnt from connections",
"Nothing moved between the two readings of the table, so the signs that only traffic gives could not be judged. \
Send a few requests from a client while check runs. If clients do send, the virtual IP is answered for by another machine: use --arp.";

DEAD_DESTINATION = 43, Error, Services, "A destination that no packet can reach",
impact: "its share of the clients gets no answer",
"The kernel's table has a destination whose address is loopback, or the virtual IP itself without being local delivery. \
The kernel takes 127.0.0.1 without a word, and packets of clients for it are dropped as martians. Delete it and use the machine's own address.";

DRIFT = 44, Warning, Upkeep, "The machine is not as the file says",
impact: "what the file promises is not, or no longer, there",
"Comparing the file with the machine gives a plan that is not empty: something was never applied, was changed by hand, or is gone since a restart. \
lvsctl plan shows each step with its reason, lvsctl apply takes them and reverts them all if one fails.";

MANAGED_INTERFACE = 45, Warning, Upkeep, "Another program manages the interface",
impact: "it will take away addresses and routes it does not know, at the next carrier change or restart",
"systemd-networkd and NetworkManager hold an interface to their own files: on a restart or a reconnect they remove what is not written there, the virtual IP among it. \
Write the addresses into their files too, or let them keep foreign ones (networkd: ManageForeignRoutes=no and KeepConfiguration=yes), or leave the interface unmanaged.";

OTHER_MANAGER = 46, Warning, Upkeep, "Another program manages IPVS",
impact: "two programs that each believe the table is theirs undo each other's work",
"keepalived, kube-proxy, kube-router and the like write the same table. Where they hold services on the same virtual IP, weights and destinations flap. \
Let one of them have the virtual IP; services on other addresses do not disturb each other.";

NO_TIME_SERVER = 47, Warning, Clock, "No common time server is named",
impact: "nothing says that the machines agree on the time: logs cannot be put together, sessions and certificates expire early on one of them",
"Nodes of a cluster must agree on the time to about a second. The file can name the server that all of them follow, and check then compares each machine with it. \
Add [time] ntp-server = \"…\", best the one they are set by.";

CLOCK_OFF = 48, Error, Clock, "The clock is off",
impact: "this machine and another one of the cluster may differ by more than the file allows",
"Each node is compared with the one time server of the file and may differ from it by half of max-offset, so that any two nodes agree within the whole. \
Set the clock by that server: chronyc makestep, or see that the time daemon runs and follows it.";

TIME_SERVER_SILENT = 49, Warning, Clock, "The time server does not answer",
impact: "whether this machine's clock is right is not known",
"The NTP server of the file gave no usable answer in time. The name may be wrong, UDP port 123 closed on the way, or the server not synchronised itself. \
Ask it by hand, for instance with chronyd -Q 'server NAME iburst'.";

TUNNEL_DEVICE = 50, Error, Routing, "A real server cannot unwrap what the director wraps",
impact: "its kernel answers \"protocol unreachable\" or nothing at all, and clients are refused or wait",
"A tunnelled packet is for the virtual IP, inside another one for the real IP. The real server needs the device that unwraps it: tunl0 for IP in IP and GUE, \
a gre device for GRE, their like for IPv6. The kernel's own appear when the module is loaded, and all of them are down at first. \
It shows on the director as packets out where a tunnel should have none. lvsctl apply makes the device, sets it up and puts the virtual IP on it.";

TUNNEL_PORT = 51, Error, Routing, "Nothing on a real server unwraps the UDP port of the tunnel",
impact: "the director's packets arrive at a port where nobody listens, and clients wait until they give up",
"With GUE the director sends each packet inside a UDP datagram, and the kernel of the real server unwraps only what comes to a port that it was told of. \
A port that was never opened, or another number on one of the two sides, loses everything without a word. \
The listeners of a machine are shown by ip fou show.";

ENCAPSULATION = 52, Error, Routing, "The director wraps packets in something else than the file says",
impact: "the real server waits for another kind of packet, and drops these",
"Both ends of a tunnel have to agree on how packets are wrapped: IP in IP, GUE with its port, or GRE with or without checksum. The file says it once for both, \
but the kernel's table was changed by hand or by another program, ipvsadm without --tun-type for instance, which means IP in IP. \
lvsctl apply gives the destination the encapsulation of the file.";

TUNNEL_MTU = 53, Warning, Routing, "Nothing leaves room for the tunnel",
impact: "small requests work, and long ones hang wherever a router or firewall between swallows ICMP",
"A packet of 1500 bytes does not fit any more when it is wrapped. The director tells the client so by ICMP, but much of the Internet drops that, \
and then uploads hang while pages load. It is safer to ask for less: a real server whose route to its clients has advmss tells every one of them \
how large a segment may be. The plan sets it where the file names the gateway. Larger packets between director and real servers (an MTU of 1600, say) do as well.";

NEVER_MARKED = 54, Note, Traffic, "Nothing was ever marked for a service by firewall mark",
impact: "packets without the mark meet the director's own ports, and clients are refused",
"A service by firewall mark takes what a firewall has marked before routing, in prerouting or by tc on the interface; a mark set later, or by no rule at all, is none. \
Rules cannot be read here, but the service counts connections, and it has counted none since it was added or zeroed. \
If clients did ask, the rules are missing: lvsctl plan shows them. Otherwise this note goes away with the first client.";

SHADOWED_BY_MARK = 55, Warning, Services, "A mark takes the packets of another service",
impact: "the service never gets a connection: a mark comes before an address, and the last rule before others",
"The kernel looks at the firewall mark first, and only then at address and port. A match of every port (port 0) marks what a service of one port waits for as well; \
among rules that match the same packet the last one in the file sets the mark. \
Name the ports in match one by one, or put the service that should win last.";

SYNC_LENGTH = 56, Note, Upkeep, "Synchronisation sends larger datagrams than the interface takes",
impact: "they go out in pieces, and where one piece is lost all the connections in the datagram are",
"A director tells the other one of many connections in one datagram, of max-length bytes and headers. What does not fit into a packet of the interface is sent in pieces, \
which works on a network that loses nothing; but nothing is sent again. Let max-length be the interface's MTU without 28 bytes (IPv6 48), and the same on both directors.";

VIP_AS_SOURCE = 57, Warning, Routing, "The director speaks to real servers in the virtual IP's name",
impact: "a real server that has the address itself drops such packets, so that health checks of it fail while clients are served",
"For its own connections, health checks among them, the director takes the source of the route: of several addresses in one network the one that was added first. \
Is that the virtual IP, a real server of direct routing or a tunnel sees packets from its own address and drops them as forged. \
Masquerading does not mind. Give the virtual IP as /32, or let the director have an address of its own there, added first as the plan does.";

EXPOSED = 58, Note, Upkeep, "Daemons of the director can be reached by the virtual IP",
impact: "what was meant for administrators is open to clients",
"A daemon that listens on every address listens on the virtual IP, too. Packets to a port that belongs to no service are the director's own as on any other address. \
Firewalls that were written before the virtual IP often do not name it. Bind such daemons to an address of the director's own, or close the ports.";

CONNTRACK_FULL = 59, Warning, Routing, "The connection tracker's table is nearly full",
impact: "when it is, the kernel drops packets of new connections at random",
"Where a firewall keeps state, or net/ipv4/vs/conntrack is on, each connection has an entry in nf_conntrack as well, and stays there for minutes after its end. \
A full table drops what is new, and the kernel logs \"table full, dropping packet\". Raise net/netfilter/nf_conntrack_max, shorten its timeouts, \
or leave the traffic of services untracked (notrack).";

FLOATING_ON_STANDBY = 60, Error, Arp, "A standby director carries an address of the active one",
impact: "both directors answer for it, and neighbours go to the one they heard last",
"Of two directors only the active one may carry the floating addresses: virtual IPs, and the gateway of masqueraded real servers. \
A standby that has one as well was never told that it is standby, or somebody added the address by hand. \
Take it away there, or make that one active and the other one standby; who decides that is a VRRP daemon like keepalived.";

TWO_ACTIVE = 61, Error, Arp, "Both directors are active",
impact: "half of the packets of one connection may reach the one director and half the other",
"Both answered for the virtual IP. Each believes that the other one is gone: their VRRP daemons do not hear each other (a firewall, another id or password), \
or a role was applied by hand. Make one of them standby, and let neighbours forget what they have learnt.";

VIP_UNANSWERED = 62, Warning, Arp, "Nobody answers for the virtual IP",
impact: "neighbours cannot send to it: clients see no route to host",
"On the link of the virtual IP the question who has it got no answer in time. The director does not carry it, is down or is on another link than it should be; \
of two directors neither is active. Check the director itself.";

BALANCED_TWICE = 63, Error, Services, "A standby director balances what the active one sent it",
impact: "packets are sent on again, in the worst case to and fro between the two until they have lived long enough",
"Two directors that are each other's real servers have the same table. What the active one sends to the standby as a real server must be delivered there, not balanced once more. \
With a sync daemon net/ipv4/vs/backup_only=1 on the standby sees to that; without one its services must go while it is standby. The plan of each role does it.";

ADVERTISED_ROUTE = 64, Warning, Routing, "The director's IPv6 default route is not renewed",
impact: "it goes when its lifetime ends or forwarding is switched on, and with it all answers to distant clients",
"accept_ra=1 means that advertisements of routers are heeded only while the machine does not route itself, and masquerading of IPv6 makes it route. \
The default route that was there already stays until its lifetime, half an hour mostly, is over; then clients beyond the router get no answer. \
Set accept_ra=2 on that interface, or name the gateway in the file. With 0 systemd-networkd or the like listens, and goes on.";
}
