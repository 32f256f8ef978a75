# former routes
ip route delete 172.16.5.11/32 dev lo scope link proto 76
# former virtual IPs
ip address delete 172.16.5.11/32 dev lo
