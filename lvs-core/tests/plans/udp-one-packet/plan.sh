# services
ipvsadm -A -u 172.16.5.11:53 -s rr -o
# destinations
ipvsadm -a -u 172.16.5.11:53 -r 192.168.1.12:53 -g -w 2
ipvsadm -a -u 172.16.5.11:53 -r 192.168.1.13:53 -g -w 3
