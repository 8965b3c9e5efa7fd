import ThroughlineCore
import NIOCore
import DequeModule
import Logging
