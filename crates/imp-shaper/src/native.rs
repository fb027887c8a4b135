//! Templates of our own: a manifest, files, and parts that templates share.

use crate::fault::{Fault, Result};
use crate::jinja::World;
use crate::made::{Made, Place};
use crate::question::{Ask, Given};

/// The files of a template with these answers.
pub fn make(place: &Place, _: &Given, _: &mut dyn Ask, _: &World) -> Result<Made> {
    Err(Fault::failed(format!("{}: not yet", place.address)))
}
