//! A drawing of a cluster as SVG: clients, directors and real servers in columns, and the ways of packets between them.

use std::collections::HashMap;

use super::canvas::{Canvas, Card, Line, chars, pixels};
use crate::cluster::{Cluster, Director, NodeName, RealServer};
use crate::net::Address;

/// The distance from the edge of the drawing.
const MARGIN: usize = 20;
/// The distance between boxes of a column.
const ROW: usize = 22;
/// The width in which an arrow bends.
const BEND: usize = 64;
/// The most lines of one kind in a box.
const LINES: usize = 8;
/// The most labels of one arrow.
const LABELS: usize = 3;

/// Describes how a node is reached, for all services together.
#[derive(Clone, Default)]
struct Reach {
    labels: Vec<String>,
    /// Whether it gets clients of any service.
    is_used: bool,
    /// Whether answers of any service return through the director.
    is_two_way: bool,
    /// Whether answers of any service bypass the director.
    is_bypassing: bool,
}

/// Holds the boxes of a drawing; what says how a real server is reached is beside it.
struct Drawing {
    clients: Card,
    directors: Vec<Card>,
    servers: Vec<(Card, Reach)>,
}

impl Cluster {
    /// Returns a drawing of the cluster as SVG, which browsers show in the colours of day or night.
    ///
    /// It has the nodes with their interfaces and addresses, the virtual IPs on each, the services on each director,
    /// and the ways of packets with method, port and weight. An arrow with two ends says that answers return the same
    /// way; where they bypass the director, their way is drawn, too. What leads to a standby director, or to a real
    /// server that gets no clients, is dotted.
    ///
    /// ```
    /// # #[cfg(feature = "toml")] {
    /// # let text = include_str!("../../../../examples/dr.toml");
    /// let cluster = lvs_core::Cluster::from_toml(text).unwrap();
    /// assert!(cluster.to_svg().contains(">dr weight 3</text>"));
    /// # }
    /// ```
    #[must_use]
    pub fn to_svg(&self) -> String {
        let reaches = self.reaches();
        let reach = |name| reaches.get(name).cloned().unwrap_or_default();
        let directors = self.directors().iter();
        let servers = self.real_servers().iter();
        let drawing = Drawing {
            clients: Card::new("clients", "clients"),
            directors: directors
                .map(|node| self.director_card(node, &reach(&node.name)))
                .collect(),
            servers: servers
                .map(|node| (self.server_card(node), reach(&node.name)))
                .collect(),
        };
        drawing.draw(&format!("cluster {}", self.name()))
    }

    /// Returns how each node is reached that is a destination.
    fn reaches(&self) -> HashMap<&NodeName, Reach> {
        let mut reaches: HashMap<_, Reach> = HashMap::new();
        for service in self.services() {
            for destination in &service.destinations {
                let reach = reaches.entry(&destination.real_server).or_default();
                let bypasses = destination.forwarding.bypasses();
                reach.is_used |= !self.is_idle(service, destination);
                reach.is_two_way |= !bypasses;
                reach.is_bypassing |= bypasses;
                let label = self.arrow_label(destination);
                if reach.labels.len() < LABELS && !reach.labels.contains(&label) {
                    reach.labels.push(label);
                }
            }
        }
        reaches
    }

    fn director_card(&self, director: &Director, reach: &Reach) -> Card {
        let mut card = Card::new("director", &director.name);
        if let Some(role) = self.first_role(director) {
            card.remark = role.to_string();
        }
        card.lines = self.address_lines_of(&director.addresses);
        let gateway = director.gateway.iter();
        card.lines
            .extend(gateway.map(|to| Line::new("default", to)));
        let services = self.services().iter().map(|service| {
            let service = &service.service;
            Line::new("", format!("{} {}", service.id, service.scheduler))
        });
        card.more = limited(services.collect());
        let own = reach.labels.iter();
        card.more
            .extend(own.map(|label| Line::new("", format!("served here: {label}"))));
        card
    }

    fn server_card(&self, server: &RealServer) -> Card {
        let mut card = Card::new("server", &server.name);
        if server.drain {
            card.remark = "drained".to_owned();
        }
        // The virtual IPs and the gateway follow from the forwarding methods.
        let Some(desired) = self.node(server.name.as_str()) else {
            return card;
        };
        let addresses = desired.addresses.iter().map(|desired| &desired.value);
        card.lines = self.address_lines_of(addresses);
        let routes = desired.routes.iter().map(|desired| &desired.value);
        card.lines.extend(
            routes
                .filter(|route| route.id.is_default())
                .filter_map(|route| route.gateway)
                .map(|gateway| Line::new("default", format!("via {gateway}"))),
        );
        card
    }

    fn address_lines_of<'a>(&self, addresses: impl IntoIterator<Item = &'a Address>) -> Vec<Line> {
        let lines = addresses.into_iter().map(|address| {
            let network = address.id.network;
            let is_virtual = self.virtual_ips().contains(&network.addr());
            Line::new(&address.id.interface, network).virtual_if(is_virtual)
        });
        limited(lines.collect())
    }
}

impl Drawing {
    fn draw(mut self, title: &str) -> String {
        let (width, height) = self.place();
        let is_bypassed = self.servers.iter().any(|(_, reach)| reach.is_bypassing);
        let (rail, foot) = match is_bypassed {
            true => (width + ROW, height + 2 * ROW),
            false => (width, height),
        };
        let mut canvas = Canvas::new(title, rail + MARGIN, foot + MARGIN);
        self.draw_ways(&mut canvas);
        if is_bypassed {
            self.draw_answers(&mut canvas, rail, foot);
        }
        let servers = self.servers.iter().map(|(card, _)| card);
        for card in [&self.clients]
            .into_iter()
            .chain(&self.directors)
            .chain(servers)
        {
            canvas.card(card);
        }
        canvas.finish()
    }

    /// Gives every box its place: in columns, each in the middle of the height. Returns how wide and high all of it is.
    fn place(&mut self) -> (usize, usize) {
        let widest = self
            .servers
            .iter()
            .flat_map(|(_, reach)| &reach.labels)
            .map(|label| chars(label))
            .max()
            .unwrap_or_default();
        let servers = self.servers.iter_mut().map(|(card, _)| card).collect();
        let columns: [Vec<&mut Card>; 3] = [
            vec![&mut self.clients],
            self.directors.iter_mut().collect(),
            servers,
        ];
        let gaps = [BEND, 2 * BEND + ROW + pixels(widest), 0];
        let tall = |cards: &[&mut Card]| -> usize {
            cards
                .iter()
                .map(|card| card.height() + ROW)
                .sum::<usize>()
                .saturating_sub(ROW)
        };
        let height = columns.iter().map(|cards| tall(cards)).max();
        let height = height.unwrap_or_default();
        let mut x = MARGIN;
        for (cards, gap) in columns.into_iter().zip(gaps) {
            let width = cards.iter().map(|card| card.natural_width()).max();
            let width = width.unwrap_or_default();
            let mut y = MARGIN + (height - tall(&cards)) / 2;
            for card in cards {
                (card.x, card.y, card.width) = (x, y, width);
                y += card.height() + ROW;
            }
            x += width + gap;
        }
        (x, MARGIN + height)
    }

    fn draw_ways(&self, canvas: &mut Canvas) {
        let is_two_way = self.servers.iter().any(|(_, reach)| reach.is_two_way);
        for (place, director) in self.directors.iter().enumerate() {
            let is_standby = place > 0;
            canvas.arrow(&way(&self.clients, director, BEND), is_two_way, is_standby);
            for (server, reach) in &self.servers {
                if !reach.labels.is_empty() {
                    let is_idle = is_standby || !reach.is_used;
                    canvas.arrow(&way(director, server, 2 * BEND), reach.is_two_way, is_idle);
                }
            }
        }
        for (server, reach) in &self.servers {
            for (row, label) in reach.labels.iter().rev().enumerate() {
                canvas.label(server.x - 14, server.middle() - 6 - row * 15, label);
            }
        }
    }

    /// Draws the way of answers that bypass the director: beside the real servers, and below everything.
    fn draw_answers(&self, canvas: &mut Canvas, rail: usize, foot: usize) {
        let mut highest = foot;
        for (server, _) in self.servers.iter().filter(|(_, reach)| reach.is_bypassing) {
            let middle = server.middle();
            highest = highest.min(middle);
            canvas.answer(&format!("M{} {middle}H{rail}", server.right()), false);
        }
        let x = self.clients.x + self.clients.width / 2;
        let y = self.clients.y + self.clients.height() + 2;
        canvas.answer(&format!("M{rail} {highest}V{foot}H{x}V{y}"), true);
        canvas.label(rail - 14, foot - 6, "answers");
    }
}

/// Returns the path from one box to another, which bends behind the first and reaches the other straight.
fn way(from: &Card, to: &Card, bend: usize) -> String {
    let (x, y) = (from.right() + 2, from.middle());
    let (end, level) = (to.x - 2, to.middle());
    let straight = (x + bend).min(end);
    let half = usize::midpoint(x, straight);
    format!("M{x} {y}C{half} {y},{half} {level},{straight} {level}H{end}")
}

/// Returns the first lines, and how many more there are.
fn limited(mut lines: Vec<Line>) -> Vec<Line> {
    let more = lines.len().saturating_sub(LINES);
    if more > 1 {
        lines.truncate(LINES);
        lines.push(Line::new("", format!("and {more} more")));
    }
    lines
}
