//! Memory that can be had.

use std::fs;

/// Bytes that this process can take without swapping, where the system tells: the least of what
/// the machine has and what its control group leaves.
pub fn available_memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| machine(&text));
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current");
    let group = limit
        .zip(used)
        .map(|(limit, used)| limit.saturating_sub(used));
    [machine, group].into_iter().flatten().min()
}

fn machine(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::machine;

    #[test]
    fn reads_the_line_and_nothing_else() {
        let text = "MemTotal:  10 kB\nMemAvailable:    7 kB\n";
        assert_eq!(machine(text), Some(7 * 1024));
        assert_eq!(machine("MemTotal: 10 kB"), None);
        assert_eq!(machine("MemAvailable: many kB"), None);
        assert_eq!(machine("MemAvailable: 18446744073709551615 kB"), None);
    }
}
