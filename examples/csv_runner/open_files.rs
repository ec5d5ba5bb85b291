//! The limit of open files, which bounds the connections: [`reserve`].

use anyhow::bail;

/// What the program needs beside its connections: files, the runtime, name lookups.
const OTHERS: u64 = 64;

/// Raises the soft limit of open files, and refuses a concurrency that it does not allow.
///
/// # Errors
///
/// If `concurrency` connections are more than the process may have.
pub(crate) fn reserve(concurrency: usize, offline: bool) -> anyhow::Result<()> {
    // The built-in server has the other end of each connection.
    let ends = if offline { 2 } else { 1 };
    let needed = (concurrency as u64)
        .saturating_mul(ends)
        .saturating_add(OTHERS);
    // Where the limit cannot be told there may be none: connections that fail will say so.
    let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) else {
        return Ok(());
    };
    if needed > limit {
        let lower = match limit.saturating_sub(OTHERS) / ends {
            0 => String::new(),
            most => format!("use at most {most}, or "),
        };
        bail!(
            "--concurrency {concurrency} needs {needed} open files, and this process may have \
             {limit}: {lower}raise the limit (ulimit -Hn)"
        );
    }
    Ok(())
}
