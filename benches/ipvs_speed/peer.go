// Command peer does with github.com/moby/ipvs what a row of ipvs_speed measures, and prints how many nanoseconds it
// took:
//
//	peer idle|add|delete|list SERVICES DESTINATIONS
//
// The table is that of tables.rs. As lvs-core, it is measured with its handle open, its values made and its memory
// in use: before the clock starts it edits every destination and lists the table, and "idle" does no more.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/moby/ipvs"
	"github.com/sirupsen/logrus"
)

func main() {
	// It cannot load the module, which is loaded, and warns of that.
	logrus.SetOutput(io.Discard)
	services, destinations := table(number(2), number(3))
	handle, err := ipvs.New("")
	check(err)
	warm(handle, services, destinations)
	begin := time.Now()
	switch os.Args[1] {
	case "add":
		add(handle, services, destinations)
	case "delete":
		for _, service := range services {
			check(handle.DelService(service))
		}
	case "list":
		list(handle)
	}
	fmt.Println(time.Since(begin).Nanoseconds())
}

func number(argument int) uint32 {
	value, err := strconv.ParseUint(os.Args[argument], 10, 16)
	check(err)
	return uint32(value)
}

func table(services, destinations uint32) (virtual []*ipvs.Service, real []*ipvs.Destination) {
	for n := uint32(0); n < services; n++ {
		virtual = append(virtual, &ipvs.Service{
			AddressFamily: syscall.AF_INET,
			Protocol:      syscall.IPPROTO_TCP,
			Address:       address(0x0a000001 + n),
			Port:          80,
			Netmask:       0xffffffff,
			SchedName:     ipvs.RoundRobin,
		})
	}
	for n := uint32(0); n < destinations; n++ {
		real = append(real, &ipvs.Destination{
			AddressFamily:   syscall.AF_INET,
			Address:         address(0x0a800001 + n),
			Port:            80,
			Weight:          1,
			ConnectionFlags: ipvs.ConnectionFlagMasq,
		})
	}
	return virtual, real
}

func address(number uint32) net.IP {
	ip := make(net.IP, 4)
	binary.BigEndian.PutUint32(ip, number)
	return ip
}

func warm(handle *ipvs.Handle, services []*ipvs.Service, destinations []*ipvs.Destination) {
	for _, service := range services {
		for _, destination := range destinations {
			// There is none yet where it is to be added.
			_ = handle.UpdateDestination(service, destination)
		}
	}
	list(handle)
}

func add(handle *ipvs.Handle, services []*ipvs.Service, destinations []*ipvs.Destination) {
	for _, service := range services {
		check(handle.NewService(service))
		for _, destination := range destinations {
			check(handle.NewDestination(service, destination))
		}
	}
}

func list(handle *ipvs.Handle) {
	services, err := handle.GetServices()
	check(err)
	for _, service := range services {
		_, err := handle.GetDestinations(service)
		check(err)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
