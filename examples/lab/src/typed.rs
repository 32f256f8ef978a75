//! A plan as an operator would carry it out.

use lvs_core::Host;
use lvs_core::cluster::{DesiredState, Plan, PlanOptions};

use crate::command::run_command;
use crate::error::{Error, Result};
use crate::lab::Lab;

impl Lab {
    /// Sets a machine up by the lines that its plan prints, typed with Debian's own tools.
    ///
    /// # Errors
    /// A line fails, or afterwards something is left to do.
    pub fn type_plan(&self, state: &DesiredState) -> Result<()> {
        let script = self.plan(state)?.to_shell();
        let machine = self.node(state.name.as_str())?;
        let arguments = ["-ec".into(), script.clone().into()];
        let status = run_command(self.network(), machine, &"sh".into(), &arguments)?;
        if !status.success() {
            return Err(Error::failed(format!("{status}:\n{script}")));
        }
        let left = self.plan(state)?;
        match left.is_empty() {
            true => Ok(()),
            false => Err(Error::failed(format!("after\n{script}\nstill\n{left}"))),
        }
    }

    fn plan(&self, state: &DesiredState) -> Result<Plan> {
        let plan = |host: &mut Host| state.plan(host, PlanOptions::default());
        let plan = self.node(state.name.as_str())?.run(plan)?;
        plan.map_err(|error| Error::failed(format!("{}: {error}", state.name)))
    }
}
