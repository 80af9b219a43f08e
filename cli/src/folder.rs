//! The folder of a compiled model, as a result.

use crate::paths::Paths;
use nascent::model::{GRAPH, PARAMS, PORTS, PROFILE, origins_files};
use std::path::Path;

/// A folder that a compiled model goes to.
pub fn declare_folder(paths: Paths, what: &'static str, folder: &Path) -> Paths {
    let files = [PARAMS, PORTS, PROFILE, GRAPH].map(|name| folder.join(name));
    paths
        .folder(what, [folder])
        .write("a file of the compiled model", files)
        .write("a list of origins", origins_files(folder))
}
