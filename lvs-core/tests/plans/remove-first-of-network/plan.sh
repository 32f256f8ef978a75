# former virtual IPs
ip address delete 192.168.1.10/24 dev eth0
# restored addresses
ip address add 192.168.1.11/24 broadcast 192.168.1.255 dev eth0 label eth0:1
# restored routes
ip route add default via 192.168.1.254 dev eth0 proto 76
# deleted services
ipvsadm -D -t 192.168.1.10:80
