//! The [`Identity`] of a journal, and the name of its one run.

use std::path::Path;

use rusqlite::{Connection, params};

use super::checksum;
use super::error::{Error, Kind};

/// The blueprint and the facts that a journal belongs to. With others it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The blueprint's name.
    pub(crate) blueprint: String,
    /// The names of its steps. Records name no other.
    pub(crate) steps: Vec<String>,
    /// Further values that have to be the same, by name.
    pub(crate) facts: Vec<(String, String)>,
}

impl Identity {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let blueprint = connection.query_row(
            "SELECT value FROM meta WHERE name = 'blueprint'",
            [],
            |row| row.get(0),
        )?;
        let steps = connection
            .prepare("SELECT name FROM step WHERE NOT gone ORDER BY number")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let facts = connection
            .prepare("SELECT name, value FROM fact ORDER BY number")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(Self {
            blueprint,
            steps,
            facts,
        })
    }

    /// Returns a hash of it and of the run's name. The steps may change, so they are not in it.
    pub(super) fn hash(&self, run: &str) -> u64 {
        let facts = self.facts.iter();
        let facts = facts.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        checksum::of_texts([self.blueprint.as_str(), run].into_iter().chain(facts))
    }

    /// Writes it to a new journal.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute(
            "INSERT INTO meta (name, value) VALUES ('blueprint', ?1)",
            [&self.blueprint],
        )?;
        for (name, value) in &self.facts {
            connection.execute(
                "INSERT INTO fact (name, value) VALUES (?1, ?2)",
                [name, value],
            )?;
        }
        self.write_steps(connection)
    }

    /// Adds the steps that are new, and marks those that are gone.
    pub(super) fn write_steps(&self, connection: &Connection) -> rusqlite::Result<()> {
        for step in &self.steps {
            connection.execute(
                "INSERT INTO step (name) VALUES (?1)
                 ON CONFLICT (name) DO UPDATE SET gone = 0 WHERE gone",
                [step],
            )?;
        }
        // A row that failures refer to stays.
        for gone in self.gone_from(&Self::read(connection)?) {
            connection.execute("UPDATE step SET gone = 1 WHERE name = ?1", params![gone])?;
        }
        Ok(())
    }

    /// The steps of a journal that this one does not have.
    pub(super) fn gone_from(&self, journal: &Self) -> Vec<String> {
        let gone = journal
            .steps
            .iter()
            .filter(|step| !self.steps.contains(step));
        gone.cloned().collect()
    }

    /// Checks that a journal of this identity may be resumed.
    pub(super) fn check(&self, journal: &Self, path: &Path) -> Result<(), Error> {
        if journal.blueprint != self.blueprint {
            return Err(Error::new(
                path,
                Kind::OtherBlueprint {
                    journal: journal.blueprint.clone(),
                    program: self.blueprint.clone(),
                },
            ));
        }
        let mut names = journal
            .facts
            .iter()
            .chain(&self.facts)
            .map(|(name, _)| name);
        match names.find(|name| journal.fact(name) != self.fact(name)) {
            None => Ok(()),
            Some(name) => Err(Error::new(
                path,
                Kind::OtherFact {
                    name: name.clone(),
                    journal: journal.fact(name).map(str::to_owned),
                    program: self.fact(name).map(str::to_owned),
                },
            )),
        }
    }

    fn fact(&self, name: &str) -> Option<&str> {
        let fact = self.facts.iter().find(|(other, _)| other == name);
        fact.map(|(_, value)| value.as_str())
    }
}

/// The name of the journal's run.
pub(super) fn run(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT value FROM meta WHERE name = 'run'", [], |row| {
        row.get(0)
    })
}

/// Names the run of a new journal, for good.
pub(super) fn write_run(connection: &Connection, run: &str) -> rusqlite::Result<()> {
    connection
        .execute("INSERT INTO meta (name, value) VALUES ('run', ?1)", [run])
        .map(drop)
}
