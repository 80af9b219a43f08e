//! Jobs end to end, on the smallest tiles: finish, resume, refuse.

mod commit;
mod digest;
mod finish;
mod refuse;
mod resume;
mod support;
