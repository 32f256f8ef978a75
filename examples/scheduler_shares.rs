//! All schedulers on one workload, as a table and as a picture: `cargo run --example scheduler_shares
//! [FILE.svg]`.
//!
//! Four servers have the weights 5, 10, 20 and 40; there are 20000 TCP connections, one a second, each of
//! which lasts a minute, so that about 60 are open at any time. No kernel is needed: these are the models of
//! `lvs_core::scheduler`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use lvs_core::InvalidValue;
use lvs_core::ipvs::{Destination, Forwarding, SchedulerName, Service, Weight};
use lvs_core::scheduler::{Clients, Generation, ServiceModel, Simulation, Workload};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const WEIGHTS: [u32; 4] = [5, 10, 20, 40];
/// Colours that are distinct with any kind of colour vision (Okabe and Ito).
const COLOURS: [RGBColor; 4] = [
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn main() -> Result<(), Box<dyn Error>> {
    let simulate = |name: &SchedulerName| Ok((name.clone(), simulate(name)?));
    let results: Result<Vec<_>, InvalidValue> = SchedulerName::KNOWN.iter().map(simulate).collect();
    let results = results?;
    print_table(&results);

    let picture = env::args_os()
        .nth(1)
        .map_or_else(|| "target/scheduler_shares.svg".into(), PathBuf::from);
    if let Some(directory) = picture.parent() {
        fs::create_dir_all(directory)?;
    }
    draw(&picture, &results)?;
    println!("\nthe same as a picture: {}", picture.display());
    Ok(())
}

fn simulate(scheduler: &SchedulerName) -> Result<Simulation, InvalidValue> {
    let service = Service::new("tcp 172.16.5.11:80".parse()?, scheduler.clone());
    let mut destinations = Vec::new();
    for (weight, number) in WEIGHTS.iter().zip(11..) {
        let id = format!("192.168.1.{number}:80").parse()?;
        let mut destination = Destination::new(id, Forwarding::DirectRouting);
        destination.weight = Weight::new(*weight)?;
        destinations.push(destination);
    }
    let mut model = ServiceModel::built(service, destinations, Generation::New)?;
    let clients = Clients::new([10, 0, 0, 1].into(), 1 << 24)?;
    let workload = Workload {
        connections: 20_000,
        hold: Some(Duration::from_secs(60)),
        ..Workload::new(([172, 16, 5, 11], 80).into(), clients)
    };
    Ok(Simulation::run(&mut model, &workload))
}

fn print_table(results: &[(SchedulerName, Simulation)]) {
    let cells = |values: [f64; 4]| values.map(|v| format!("{:>8.1} %", v * 100.0)).concat();
    let of = |simulation: &Simulation, value: fn(&lvs_core::scheduler::Share) -> f64| {
        let mut values = simulation.shares.iter().map(value);
        [(); 4].map(|()| values.next().unwrap_or_default())
    };
    println!(
        "{:10}{}{:>10}",
        "",
        WEIGHTS
            .map(|w| format!("{:>10}", format!("weight {w}")))
            .concat(),
        "refused"
    );
    if let Some((_, first)) = results.first() {
        println!(
            "{:10}{}",
            "by weight",
            cells(of(first, |share| share.expected))
        );
    }
    for (name, simulation) in results {
        let shares = cells(of(simulation, |share| share.share));
        println!("{name:10}{shares}{:>10}", simulation.refused());
    }
}

const ROW: i32 = 34;
const LEFT: i32 = 90;
const WIDTH: i32 = 720;
const TOP: i32 = 104;

/// Draws a bar for each scheduler, and dashed lines at the shares of the weights.
fn draw(picture: &PathBuf, results: &[(SchedulerName, Simulation)]) -> Result<(), Box<dyn Error>> {
    let height = TOP + ROW * results.len() as i32 + 24;
    let size = ((LEFT + WIDTH + 100) as u32, height as u32);
    let canvas = SVGBackend::new(picture, size).into_drawing_area();
    canvas.fill(&WHITE)?;
    draw_heading(&canvas)?;
    for (row, (name, simulation)) in results.iter().enumerate() {
        draw_row(&canvas, TOP + ROW * row as i32, name, simulation)?;
    }
    if let Some((_, first)) = results.first() {
        draw_boundaries(&canvas, first, height - 24)?;
    }
    canvas.present()?;
    Ok(())
}

fn draw_heading(canvas: &Canvas<'_>) -> Result<(), Box<dyn Error>> {
    let black = style(15, HPos::Left, &BLACK);
    canvas.draw_text(
        "Shares of the connections",
        &style(22, HPos::Left, &BLACK),
        (LEFT, 26),
    )?;
    let what =
        "20000 TCP connections, one a second, each lasting a minute; dashed: the weights' shares";
    canvas.draw_text(what, &style(13, HPos::Left, &BLACK.mix(0.6)), (LEFT, 50))?;
    for (number, (weight, colour)) in WEIGHTS.iter().zip(COLOURS).enumerate() {
        let x = LEFT + number as i32 * 120;
        canvas.draw(&Rectangle::new([(x, 70), (x + 14, 84)], colour.filled()))?;
        canvas.draw_text(&format!("weight {weight}"), &black, (x + 20, 78))?;
    }
    Ok(())
}

fn draw_row(
    canvas: &Canvas<'_>,
    y: i32,
    name: &SchedulerName,
    simulation: &Simulation,
) -> Result<(), Box<dyn Error>> {
    let middle = y + ROW / 2 - 3;
    canvas.draw_text(
        name.as_str(),
        &style(15, HPos::Right, &BLACK),
        (LEFT - 10, middle),
    )?;
    let mut before = 0.0;
    for (share, colour) in simulation.shares.iter().zip(COLOURS) {
        let (from, to) = (across(before), across(before + share.share));
        before += share.share;
        canvas.draw(&Rectangle::new(
            [(from, y), (to, y + ROW - 8)],
            colour.filled(),
        ))?;
        if share.share >= 0.04 {
            let label = format!("{:.0} %", share.share * 100.0);
            canvas.draw_text(
                &label,
                &style(13, HPos::Center, &BLACK),
                ((from + to) / 2, middle),
            )?;
        }
    }
    if simulation.refused() > 0 {
        let refused = format!("{} refused", simulation.refused());
        canvas.draw_text(
            &refused,
            &style(12, HPos::Left, &BLACK),
            (LEFT + WIDTH + 6, middle),
        )?;
    }
    Ok(())
}

fn draw_boundaries(
    canvas: &Canvas<'_>,
    one: &Simulation,
    bottom: i32,
) -> Result<(), Box<dyn Error>> {
    let mut before = 0.0;
    for share in one.shares.iter().take(WEIGHTS.len() - 1) {
        before += share.expected;
        let x = across(before);
        let dash = |y| PathElement::new([(x, y), (x, y + 4)], BLACK.mix(0.7).stroke_width(1));
        (TOP - 6..bottom)
            .step_by(8)
            .try_for_each(|y| canvas.draw(&dash(y)))?;
    }
    Ok(())
}

fn across(share: f64) -> i32 {
    LEFT + (share * f64::from(WIDTH)).round() as i32
}

fn style<'a>(size: i32, side: HPos, colour: &'a impl Color) -> TextStyle<'a> {
    let font = ("sans-serif", size).into_font();
    font.color(colour).pos(Pos::new(side, VPos::Center))
}
