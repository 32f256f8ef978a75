# deleted destinations
ipvsadm -d -t 172.16.5.11:443 -r 192.168.1.12:443
ipvsadm -d -t 172.16.5.11:443 -r 192.168.1.13:443
# deleted services
ipvsadm -D -t 172.16.5.11:443
ipvsadm -D -u 172.16.5.11:53
