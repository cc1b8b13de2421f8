// A program in another language, by docs/ipc.md alone: it serves skills, and asks another for what its input names.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
)

type line map[string]any
type sidecar struct {
	sync.Mutex
	conn net.Conn
	open []chan line // what comes back of each line, by its number
	held sync.Map
}

// send sends a line under a new number; what comes back of it, its end included.
func (s *sidecar) send(l line) (int, chan line) {
	s.Lock()
	defer s.Unlock()
	s.open = append(s.open, make(chan line, 256))
	l["id"] = len(s.open)
	json.NewEncoder(s.conn).Encode(l) // what does not go ends the reading
	return len(s.open), s.open[len(s.open)-1]
}

func (s *sidecar) serve(id int, payload line) {
	args, _ := payload["args"].(map[string]any)
	switch payload["skill"] {
	case "echo":
		s.send(line{"type": "reply", "for": id, "payload": line{"value": args["data"]}})
	case "count":
		for n := 0; n < int(args["to"].(float64)); n++ {
			_, taken := s.send(line{"type": "item", "for": id, "payload": line{"item": n}})
			<-taken // the next when this one was taken: no credit to count
		}
		s.send(line{"type": "reply", "for": id})
	case "fail":
		s.send(line{"type": "fail", "for": id, "payload": line{"code": "not_found", "message": "There is no such book."}})
	case "hold":
		s.held.Store(id, true)
		fmt.Println("held")
	}
}

func (s *sidecar) read() {
	for lines := json.NewDecoder(s.conn); ; {
		var l line
		if lines.Decode(&l) != nil {
			os.Exit(0)
		}
		number, _ := l["id"].(float64)
		payload, _ := l["payload"].(map[string]any)
		switch id := int(number); l["type"] {
		case "request":
			go s.serve(id, payload)
		case "cancel":
			_, canceled := s.held.Load(id)
			fmt.Println("canceled", canceled)
		case "result", "error", "item":
			s.Lock()
			s.open[id-1] <- l
			s.Unlock()
		}
	}
}

func main() {
	conn, err := net.Dial("unix", os.Getenv("CHATIXIA_SOCKET"))
	if err != nil {
		panic(err)
	}
	s := &sidecar{conn: conn}
	go s.read()
	skills := []line{{"name": "echo"}, {"name": "count", "streams": true}, {"name": "fail"}, {"name": "hold"}}
	_, hello := s.send(line{"type": "hello", "payload": line{"program": "go", "skills": skills}})
	fmt.Println((<-hello)["type"])
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		kind, skill := "call", asked.Text()
		if skill == "count" {
			kind = "stream"
		}
		args := line{"data": line{"city": "Ål", "n": []int{1, 2}}, "to": 100}
		id, events := s.send(line{"type": kind, "payload": line{"target": os.Args[1], "skill": skill, "args": args, "timeout": 20}})
		if skill == "hold" {
			asked.Scan() // the next line says that the far skill has it
			s.send(line{"type": "cancel", "payload": line{"call": id}})
		}
		event, count := <-events, 0
		for ; event["type"] == "item"; event = <-events {
			count++
		}
		text, _ := json.Marshal(event["payload"])
		fmt.Println(skill, event["type"], count, string(text))
	}
}
