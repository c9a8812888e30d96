"""What results share: files, reports, intervals, and what a search may take."""

from ._budget import Budget as Budget
from ._budget import unlooked as unlooked
from ._files import plain as plain
from ._files import versions as versions
from ._files import write_report as write_report
from ._intervals import wilson as wilson
from ._result import Result as Result
from ._result import plain_table as plain_table
from ._result import printed_table as printed_table
from ._trajectories import save_trajectory as save_trajectory
from ._trajectories import times_that_fit as times_that_fit
