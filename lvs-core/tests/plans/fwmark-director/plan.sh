# links and forwarding
ip link set dev eth0 up
ip link set dev eth1 up
ip link set dev lo up
sysctl -w net/ipv4/ip_forward=1
# addresses
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth1
# services
ipvsadm -A -f 1 -s rr -p 300
# destinations
ipvsadm -a -f 1 -r 192.168.1.12:0 -m -w 1
ipvsadm -a -f 1 -r 192.168.1.13:0 -m -w 1
# virtual IPs
ip address add 172.16.5.11/16 broadcast 172.16.255.255 dev eth0
# last routes
ip route add default via 172.16.0.1 dev eth0 proto 76
# nft: table ip lvs-web
# nft: delete table ip lvs-web
# nft: table ip lvs-web {
# nft:   chain prerouting {
# nft:     type filter hook prerouting priority -150; policy accept;
# nft:     ip daddr 172.16.5.11 tcp dport 80 meta mark set 1
# nft:     ip daddr 172.16.5.11 tcp dport 443 meta mark set 1
# nft:   }
# nft: }
