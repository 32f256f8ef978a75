# virtual IPs
ip address add 172.16.5.12/32 broadcast 172.16.5.12 dev lo label lo:1
# last routes
ip route add 172.16.5.12/32 dev lo scope link proto 76
