//! Memory that can be had.

use std::fs;

/// Bytes that this process can take without swapping, where the system tells: the least of what
/// the machine has, what its control group leaves, and what its own limits leave (`ulimit -v`, `-d`).
pub fn available_memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| machine(&text));
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current");
    let group = limit
        .zip(used)
        .map(|(limit, used)| limit.saturating_sub(used));
    let space = limits("Max address space", "VmSize:");
    let data = limits("Max data size", "VmData:");
    [machine, group, space, data].into_iter().flatten().min()
}

/// What a limit of this process leaves.
fn limits(limit: &str, used: &str) -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let limit = soft_limit(&limits, limit)?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(limit.saturating_sub(kilobytes(&status, used)?))
}

/// The soft limit of a line of `/proc/self/limits`, if there is one.
fn soft_limit(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn machine(text: &str) -> Option<u64> {
    kilobytes(text, "MemAvailable:")
}

/// A line `NAME 123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{machine, soft_limit};

    #[test]
    fn reads_the_soft_limit() {
        let text = "Limit  Soft Limit  Hard Limit  Units\n\
            Max data size             unlimited            unlimited            bytes     \n\
            Max address space         1048576              unlimited            bytes     \n";
        assert_eq!(soft_limit(text, "Max address space"), Some(1 << 20));
        assert_eq!(soft_limit(text, "Max data size"), None);
    }

    #[test]
    fn reads_the_line_and_nothing_else() {
        let text = "MemTotal:  10 kB\nMemAvailable:    7 kB\n";
        assert_eq!(machine(text), Some(7 * 1024));
        assert_eq!(machine("MemTotal: 10 kB"), None);
        assert_eq!(machine("MemAvailable: many kB"), None);
        assert_eq!(machine("MemAvailable: 18446744073709551615 kB"), None);
    }
}
