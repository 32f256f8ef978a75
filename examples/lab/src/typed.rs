//! A plan, executed as an operator would: line by line in a shell.

use lvs_core::Host;
use lvs_core::cluster::{DesiredState, Plan, PlanOptions};

use crate::command::run_command;
use crate::error::{Error, Result};
use crate::lab::Lab;

impl Lab {
    /// Configures a node by the shell lines of its plan, with Debian's own tools.
    ///
    /// # Errors
    /// A line fails, or the plan is not empty afterwards.
    pub fn type_plan(&self, state: &DesiredState) -> Result<()> {
        let script = self.plan(state)?.to_shell();
        let node = self.node(state.name.as_str())?;
        let arguments = ["-ec".into(), script.clone().into()];
        let status = run_command(self.network(), node, &"sh".into(), &arguments)?;
        if !status.success() {
            return Err(Error::failed(format!("{status}:\n{script}")));
        }
        let remaining = self.plan(state)?;
        match remaining.is_empty() {
            true => Ok(()),
            false => Err(Error::failed(format!(
                "after\n{script}\nremains\n{remaining}"
            ))),
        }
    }

    fn plan(&self, state: &DesiredState) -> Result<Plan> {
        let plan = |host: &mut Host| state.plan(host, PlanOptions::default());
        self.node(state.name.as_str())?
            .run(plan)?
            .map_err(|error| Error::failed(format!("{}: {error}", state.name)))
    }
}
