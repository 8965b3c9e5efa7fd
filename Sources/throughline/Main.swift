import ThroughlineServer
import ThroughlineStorage
import ArgumentParser
import Configuration
@main struct M { static func main() {} }
