//! Values of a tensor that lie in another file beside the model.

use crate::error::{CompileError, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use tract_onnx::pb::TensorProto;

/// Reads `expected` bytes from the place that the tensor names.
///
/// The file must be a regular one inside of `folder`, links followed.
pub(super) fn read(proto: &TensorProto, folder: &Path, expected: u64) -> Result<Vec<u8>> {
    let fail = |reason: String| CompileError::External {
        name: proto.name.clone(),
        reason,
    };
    let entry = |key: &str| {
        let mut entries = proto.external_data.iter().filter(|entry| entry.key == key);
        let found = entries.next().map(|entry| entry.value.as_str());
        if entries.next().is_some() {
            return Err(fail(format!("{key:?} is given twice")));
        }
        Ok(found)
    };
    let number = |key: &str| match entry(key)? {
        None => Ok(None),
        Some(text) => match text.parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(fail(format!("{key:?} is {text:?}, expected a number"))),
        },
    };
    let location = entry("location")?.ok_or_else(|| fail("it names no file".to_owned()))?;
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(expected);
    if length != expected {
        return Err(fail(format!("{length} bytes, expected {expected}")));
    }
    let path = inside(folder, location).map_err(&fail)?;
    let io = |source| CompileError::Io {
        path: path.clone(),
        source,
    };
    let mut file = File::open(&path).map_err(io)?;
    let data = file.metadata().map_err(io)?;
    if !data.is_file() {
        return Err(fail(format!("{location:?} is not a file")));
    }
    // Before memory is spent on it.
    if offset
        .checked_add(expected)
        .is_none_or(|end| end > data.len())
    {
        return Err(fail(format!(
            "bytes {offset} to {offset} + {expected} of {location:?}, which has {}",
            data.len()
        )));
    }
    file.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(expected).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 != expected {
        return Err(fail(format!(
            "{location:?} became shorter while it was read"
        )));
    }
    Ok(bytes)
}

/// The path of a file in `folder`, or why there is none.
fn inside(folder: &Path, location: &str) -> std::result::Result<PathBuf, String> {
    let escape = || format!("{location:?} is not a path inside of the model's folder");
    let relative = Path::new(location);
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if location.is_empty() || !relative.components().all(plain) || location.contains(['\\', '\0']) {
        return Err(escape());
    }
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let base = folder
        .canonicalize()
        .map_err(|error| format!("the model's folder: {error}"))?;
    let path = base.join(relative).canonicalize();
    let path = path.map_err(|error| format!("{location:?}: {error}"))?;
    if !path.starts_with(&base) {
        return Err(escape());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::StringStringEntryProto;

    fn proto(entries: &[(&str, &str)]) -> TensorProto {
        let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        TensorProto {
            name: "w".to_owned(),
            external_data: entries.iter().map(entry).collect(),
            ..TensorProto::default()
        }
    }

    #[test]
    fn reads_inside_and_nowhere_else() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("w.bin"), [1, 2, 3, 4, 5]).unwrap();
        std::fs::write(outer.path().join("secret"), [9; 4]).unwrap();
        let good = proto(&[("location", "w.bin"), ("offset", "1"), ("length", "4")]);
        assert_eq!(read(&good, &folder, 4).unwrap(), [2, 3, 4, 5]);

        let absolute = outer.path().join("secret").display().to_string();
        let refused: [&[(&str, &str)]; 11] = [
            &[],
            &[("location", "")],
            &[("location", "missing.bin")],
            &[("location", "../secret")],
            &[("location", "./../secret")],
            &[("location", &absolute)],
            &[("location", ".")],
            &[("location", "w.bin"), ("length", "3")],
            &[("location", "w.bin"), ("offset", "2")],
            &[("location", "w.bin"), ("offset", "18446744073709551615")],
            &[("location", "w.bin"), ("location", "w.bin")],
        ];
        for entries in refused {
            assert!(read(&proto(entries), &folder, 4).is_err(), "{entries:?}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
            assert!(read(&proto(&[("location", "link")]), &folder, 4).is_err());
        }
    }
}
