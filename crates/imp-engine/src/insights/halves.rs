//! The same with each of many things, on two threads.

/// Does one thing with each; what comes of it stands in their order.
pub fn each<T: Send, U: Send>(all: Vec<T>, one: impl Fn(T) -> U + Sync) -> Vec<U> {
    let half = all.len() / 2;
    let mut all = all.into_iter();
    let first: Vec<T> = all.by_ref().take(half).collect();
    std::thread::scope(|s| {
        let other = s.spawn(|| all.map(&one).collect::<Vec<U>>());
        let mut out: Vec<U> = first.into_iter().map(&one).collect();
        match other.join() {
            Ok(rest) => out.extend(rest),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        out
    })
}
