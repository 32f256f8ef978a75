# services
ipvsadm -E -t 172.16.5.11:80 -s rr
ipvsadm -E -t 172.16.5.12:443 -s wlc -p 300 -M 255.255.255.0
# destinations
ipvsadm -a -t 172.16.5.11:80 -r 192.168.1.13:80 -m -w 1
ipvsadm -a -t 172.16.5.12:443 -r 192.168.1.13:443 -m -w 3 -x 100 -y 80
# changed destinations
ipvsadm -e -t 172.16.5.11:80 -r 192.168.1.12:80 -m -w 1
# deleted destinations
ipvsadm -d -t 172.16.5.11:80 -r 192.168.1.99:80
ipvsadm -d -t 172.16.5.12:443 -r 192.168.1.12:443
