//! The house tests: the real program against the practice workspace, over real HTTP, in the words of those who use it.

mod imp;
mod lifecycle;
mod slack;
mod stage;
