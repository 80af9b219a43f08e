//! NumPy's archive: a ZIP file of arrays, stored or deflated.
//!
//! Only the central directory is believed; every offset and size is checked, and what is inflated
//! is bounded by the size that the directory declares.

use super::{MOST_BYTES, Named, npy};

type Read<T> = std::result::Result<T, String>;

const END: u32 = 0x0605_4b50;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const MOST_ENTRIES: u16 = 1024;

/// Reads all arrays, in the order of the directory.
pub(super) fn read(bytes: &[u8]) -> Read<Vec<Named>> {
    let end = find_end(bytes).ok_or("not a NumPy archive")?;
    let count = u16_at(bytes, end + 10)?;
    let mut at = u32_at(bytes, end + 16)? as usize;
    if count > MOST_ENTRIES {
        return Err(format!(
            "{count} arrays, at most {MOST_ENTRIES} are supported"
        ));
    }
    let mut arrays = Vec::new();
    let mut total = 0;
    for _ in 0..count {
        if u32_at(bytes, at)? != ENTRY {
            return Err("its directory is damaged".to_owned());
        }
        let flags = u16_at(bytes, at + 8)?;
        let method = u16_at(bytes, at + 10)?;
        let (packed, size) = (u32_at(bytes, at + 20)?, u32_at(bytes, at + 24)?);
        let name_length = usize::from(u16_at(bytes, at + 28)?);
        let skip = usize::from(u16_at(bytes, at + 30)?) + usize::from(u16_at(bytes, at + 32)?);
        let local = u32_at(bytes, at + 42)? as usize;
        let name = part(bytes, at + 46, name_length)?;
        let name = std::str::from_utf8(name).map_err(|_| "an array's name is not a text")?;
        at = at + 46 + name_length + skip;
        if flags & 1 != 0 || packed == u32::MAX || size == u32::MAX {
            return Err(format!("{name:?} is encrypted or larger than 4 GiB"));
        }
        total += u64::from(size);
        if total > MOST_BYTES {
            return Err(format!("its arrays have more than {MOST_BYTES} bytes"));
        }
        let data = inflate(bytes, local, method, packed as usize, size as usize)
            .map_err(|reason| format!("{name:?}: {reason}"))?;
        let tensor = npy::read(&data).map_err(|reason| format!("{name:?}: {reason}"))?;
        let name = name.strip_suffix(".npy").unwrap_or(name).to_owned();
        arrays.push(Named {
            name: Some(name),
            tensor,
        });
    }
    Ok(arrays)
}

fn inflate(bytes: &[u8], local: usize, method: u16, packed: usize, size: usize) -> Read<Vec<u8>> {
    if u32_at(bytes, local)? != LOCAL {
        return Err("its header is damaged".to_owned());
    }
    let skip = usize::from(u16_at(bytes, local + 26)?) + usize::from(u16_at(bytes, local + 28)?);
    let data = part(bytes, local + 30 + skip, packed)?;
    let made = match method {
        0 => data.to_vec(),
        8 => miniz_oxide::inflate::decompress_to_vec_with_limit(data, size)
            .map_err(|error| format!("it cannot be inflated: {error}"))?,
        _ => return Err(format!("compression method {method} is not supported")),
    };
    if made.len() != size {
        return Err(format!("{} bytes, expected {size}", made.len()));
    }
    Ok(made)
}

/// The end record, behind which only a comment may follow.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(22)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last)
        .rev()
        .find(|&at| u32_at(bytes, at) == Ok(END))
}

fn part(bytes: &[u8], at: usize, length: usize) -> Read<&[u8]> {
    let end = at.checked_add(length);
    end.and_then(|end| bytes.get(at..end))
        .ok_or_else(|| "cut short".to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> Read<u16> {
    let (chunks, _) = part(bytes, at, 2)?.as_chunks();
    chunks
        .first()
        .map(|chunk| u16::from_le_bytes(*chunk))
        .ok_or_else(|| "cut short".to_owned())
}

fn u32_at(bytes: &[u8], at: usize) -> Read<u32> {
    let (chunks, _) = part(bytes, at, 4)?.as_chunks();
    chunks
        .first()
        .map(|chunk| u32::from_le_bytes(*chunk))
        .ok_or_else(|| "cut short".to_owned())
}
