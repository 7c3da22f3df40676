//! What the system tells about processes and about itself.

use std::fs;

use crate::report::Figures;

/// Clock ticks a second, as Linux counts them for everybody.
const TICKS: f64 = 100.0;

/// CPU seconds that the process has used.
pub fn cpu(pid: u32) -> f64 {
    ticks(pid, 13..15) / TICKS
}

/// CPU seconds that the process and its children have used, those that have ended too.
pub fn cpu_of_family(pid: u32) -> f64 {
    let children = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = children.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_children: f64 = pids.filter(|child| parent(*child) == Some(pid)).map(|child| ticks(child, 13..15)).sum();
    (ticks(pid, 13..17) + of_children) / TICKS
}

/// Processor time: of the server, the database, the sandbox, and the load itself.
#[derive(Clone, Copy)]
pub struct Spent(pub [f64; 4]);

impl Spent {
    /// Microseconds for each of so many calls since `before`.
    pub fn each(self, before: &Self, calls: u64) -> Self {
        Self(std::array::from_fn(|n| (self.0[n] - before.0[n]) * 1e6 / calls.max(1) as f64))
    }

    /// Of each the one in the middle.
    pub fn median(all: &[Self]) -> Self {
        Self(std::array::from_fn(|n| Figures(all.iter().map(|spent| spent.0[n]).collect()).median()))
    }

    /// That of all others.
    pub fn without_server(self) -> f64 {
        self.0[1..].iter().sum()
    }

    pub fn shown(self) -> String {
        self.0.map(|us| format!("{us:.0}")).join(", ")
    }
}

/// Memory that the process has now, MiB.
pub fn memory(pid: u32) -> f64 {
    told(pid, "VmRSS:")
}

/// The part of it that is not read from the program's file, and could not be dropped, MiB.
pub fn own_memory(pid: u32) -> f64 {
    told(pid, "RssAnon:")
}

/// Sockets that the process has open.
pub fn sockets(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter(|to| to.to_string_lossy().starts_with("socket:"))
        .count()
}

fn told(pid: u32, key: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib: f64 = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default();
    kib / 1024.0
}

/// The fields of `/proc/PID/stat`; the name before them may hold spaces.
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    ["", ""].into_iter().chain(rest.split(' ')).map(str::to_owned).collect()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid).get(3)?.parse().ok()
}

fn ticks(pid: u32, fields: std::ops::Range<usize>) -> f64 {
    stat(pid).get(fields).into_iter().flatten().filter_map(|field| field.parse::<f64>().ok()).sum()
}

/// Seconds that the processors had nothing to do so far, all together; waiting for the disk is nothing to do.
pub fn idle() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = text.lines().next().unwrap_or_default().split_whitespace();
    all.skip(4).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// How many cores there are.
pub fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64)
}

/// Name of the processor, its cores, and the memory.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named =
        |key: &str| info.lines().find_map(|line| line.strip_prefix(key)?.split_once(':')).map(|(_, v)| v.trim());
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    format!("{cores} cores ({}), {:.0} GiB", named("model name").unwrap_or("?"), kib.unwrap_or_default() / 1_048_576.0)
}

/// How many processes wanted to run, over the last minute.
pub fn others() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}
