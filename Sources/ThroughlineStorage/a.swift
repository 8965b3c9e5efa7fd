import GRDB
import Logging
import ThroughlineCore
