//! A connection as the rest of the engine sees it: statements in, rows out, one dialect.

use imp_core::At;

/// A value on its way in or out.
#[derive(Debug, Clone, PartialEq)]
pub enum Val {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
}

impl From<i64> for Val {
    fn from(n: i64) -> Val {
        Val::Int(n)
    }
}

impl From<u64> for Val {
    fn from(n: u64) -> Val {
        Val::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Val {
    fn from(b: bool) -> Val {
        Val::Int(i64::from(b))
    }
}

impl From<&str> for Val {
    fn from(s: &str) -> Val {
        Val::Text(s.to_owned())
    }
}

impl From<String> for Val {
    fn from(s: String) -> Val {
        Val::Text(s)
    }
}

impl<T: Into<Val>> From<Option<T>> for Val {
    fn from(v: Option<T>) -> Val {
        v.map_or(Val::Null, Into::into)
    }
}

/// A row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Val>);

impl Row {
    /// Column `i` as a number; 0 where it is none.
    pub fn int(&self, i: usize) -> i64 {
        match self.0.get(i) {
            Some(Val::Int(n)) => *n,
            _ => 0,
        }
    }

    /// Column `i` as a text; empty where it is none.
    pub fn text(&self, i: usize) -> &str {
        match self.0.get(i) {
            Some(Val::Text(s)) => s,
            _ => "",
        }
    }

    /// Column `i` as a text that may be missing.
    pub fn maybe(&self, i: usize) -> Option<&str> {
        match self.0.get(i) {
            Some(Val::Text(s)) => Some(s),
            _ => None,
        }
    }

    /// Column `i` as a number that may be missing.
    pub fn maybe_int(&self, i: usize) -> Option<i64> {
        match self.0.get(i) {
            Some(Val::Int(n)) => Some(*n),
            _ => None,
        }
    }
}

/// The store does not do what it should: disk full, file gone, a statement that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// A connection. Parameters are written `?1`, `?2` …
pub trait Conn: Send {
    /// Runs a statement; how many rows it touched.
    ///
    /// # Errors
    /// What the store says.
    fn run(&mut self, sql: &str, args: &[Val]) -> Result<usize, StoreError>;

    /// Asks, and hands over one row after the other, so that an answer may be larger than the memory.
    ///
    /// # Errors
    /// What the store says, or what `each` says.
    fn each(
        &mut self,
        sql: &str,
        args: &[Val],
        each: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Asks; all rows of the answer.
    ///
    /// # Errors
    /// What the store says.
    fn rows(&mut self, sql: &str, args: &[Val]) -> Result<Vec<Row>, StoreError> {
        let mut out = Vec::new();
        self.each(sql, args, &mut |row| {
            out.push(row);
            Ok(())
        })?;
        Ok(out)
    }

    /// Begins a transaction that writes. Nobody else's begins before this one has ended: replicas write one after the
    /// other, as threads of one process do.
    ///
    /// # Errors
    /// What the store says.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Begins a transaction that only reads, and sees the store as it is now until it ends, whoever writes meanwhile.
    ///
    /// # Errors
    /// What the store says.
    fn snapshot(&mut self) -> Result<(), StoreError>;

    /// Ends a transaction; what it wrote is on disk.
    ///
    /// # Errors
    /// What the store says; then nothing of it was kept, or, where the connection broke in between, perhaps all of it.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Ends a transaction, and nothing of it is kept.
    fn rollback(&mut self);

    /// The time by which leases are reckoned: one for all replicas, whatever their own clocks say. `house` is what the
    /// clock of this process says.
    ///
    /// # Errors
    /// What the store says.
    fn lease_time(&mut self, house: At) -> Result<At, StoreError>;

    /// Much is going to be written, by a process that does nothing else: memory may be used for it, and what was committed
    /// survives a power cut only after [`Conn::much_was_written`].
    ///
    /// # Errors
    /// What the store says.
    fn much_to_write(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// All of it is written: it is on disk when this returns.
    ///
    /// # Errors
    /// What the store says.
    fn much_was_written(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether nobody else writes to this store: then what was read stays true between transactions.
    fn sole_writer(&self) -> bool;

    /// How many replicas have this store open to write, this one included.
    ///
    /// # Errors
    /// What the store says.
    fn replicas(&mut self) -> Result<u32, StoreError> {
        Ok(1)
    }

    /// The type of a column that numbers its rows by itself.
    fn serial(&self) -> &'static str;

    /// Words behind a table's name that have a question read an index instead of the rows, where the store does not see
    /// by itself that it holds all that is asked.
    fn by_index(&self, index: &str) -> String;

    /// Numbering goes on after the highest number there is, after rows were written with numbers of their own.
    ///
    /// # Errors
    /// What the store says.
    fn renumber(&mut self, table: &str, column: &str) -> Result<(), StoreError>;
}

/// How many rows one statement writes; what is left over goes in smaller lots, so that a few statements do for any number.
const LOTS: [usize; 3] = [64, 8, 1];

/// Writes new rows, many with one statement.
///
/// # Errors
/// What the store says.
pub fn insert(conn: &mut dyn Conn, table: &str, columns: &[&str], rows: Vec<Vec<Val>>) -> Result<(), StoreError> {
    let mut rows = rows.into_iter();
    for lot in LOTS {
        let sql = inserting(table, columns, lot);
        while rows.len() >= lot {
            let args: Vec<Val> = rows.by_ref().take(lot).flatten().collect();
            conn.run(&sql, &args)?;
        }
    }
    Ok(())
}

fn inserting(table: &str, columns: &[&str], rows: usize) -> String {
    let mut places = (1..).map(|n| format!("?{n}"));
    let mut row = || places.by_ref().take(columns.len()).collect::<Vec<_>>().join(", ");
    let rows: Vec<String> = (0..rows).map(|_| format!("({})", row())).collect();
    format!(
        "insert into {table} ({}) values {}",
        columns.join(", "),
        rows.join(", ")
    )
}

/// What is known of some texts: asks `sql`, which ends in `in`, for as many at a time as one statement takes.
///
/// # Errors
/// What the store says.
pub fn known(conn: &mut dyn Conn, sql: &str, of: &[Val]) -> Result<Vec<Row>, StoreError> {
    let places: Vec<String> = (1..=LOTS[0]).map(|n| format!("?{n}")).collect();
    let sql = format!("{sql} ({})", places.join(", "));
    let mut out = Vec::new();
    for some in of.chunks(LOTS[0]) {
        // The last is asked for again and again, so that the statement is the same.
        let last = some.last().cloned().unwrap_or(Val::Null);
        let args: Vec<Val> = some
            .iter()
            .cloned()
            .chain(std::iter::repeat(last))
            .take(LOTS[0])
            .collect();
        out.extend(conn.rows(&sql, &args)?);
    }
    Ok(out)
}
