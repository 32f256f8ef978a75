# services
ipvsadm -A -t 172.16.5.11:80 -s rr
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.12:80 -m -w 1
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.13:80 -m -w 1
