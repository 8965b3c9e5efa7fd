/// Everything that goes wrong in a simulation, on purpose and counted.
package enum Fault: String, CaseIterable, Sendable {
    case powerLossAtWrite = "power lost at a write"
    case powerLossAtSync = "power lost at an fsync"
    case powerLossAtName = "power lost while a name was made, changed or removed"
    case powerLossAtRest = "power lost between calls"
    case kill = "process killed"
    case stop = "server stopped in order"
    case crashWhileOpening = "power lost or process killed while the store opened"
    case lostSector = "un-synchronized sector lost"
    case tornSector = "sector torn"
    case reorderedSector = "later sector kept, earlier one lost"
    case lostName = "name lost that was not synchronized"
    case writeError = "write failed with EIO"
    case readError = "read failed with EIO"
    case syncError = "fsync failed with EIO"
    case droppedPage = "page dropped after a failed fsync"
    case diskFull = "call failed with ENOSPC"
    case shortWrite = "short write"
    case slowCall = "slow disk"
    case clockForward = "clock jumped forward"
    case clockBack = "clock jumped back"
    case lostAnswer = "answer lost on its way"
    case retry = "request sent again"
    case agentPaused = "agent paused for longer than its lease"
    case agentResumed = "agent went on after a restart of the server"
    case agentCrashed = "agent gone without a word"
    case frozenFenced = "agent that froze past its lease woke and was refused"
    case duplicate = "request arrived twice"
    case overtaken = "request arrived after later ones"
    case clientCrashed = "client gone before its answer"
    case answerRace = "request answered by two at once"
    case lateAnswer = "answer to a request that was over"
    case answerAgain = "answer sent again after a restart of the server"
    case staleAnswer = "answer to arguments that had changed"
    case badAnswer = "answer that does not fit, or from somebody who may not"
    case requestExpired = "request that nobody answered in time"
    case requestWithdrawn = "request over with its run"
    case batonHeld = "write refused while an operator had the baton"
    case operatorVanished = "operator gone with the baton"
    case batonTimedOut = "baton went back by itself"
    case earlyCancel = "input cancelled before it came"
    case runHandedOn = "run taken on that another agent lost"
    case runAdopted = "run taken over by another process of its agent"
    case runOrphaned = "run stopped that nobody watched"
    case runBelow = "run started below another"
    case runWaited = "run that waited for those below it, and then ended as it had said"
    case familyStopped = "run stopped with the one above it"
    case budgetExceeded = "run ended that used more than it may"
    case forked = "session copied"
    case forkCrashed = "copy asked for, and no answer came"
    case readerDropped = "reader dropped"
    case readerResumed = "reader came back"
    case slowReader = "reader lagged behind what is in memory"
}

/// How often each fault happened.
package struct FaultCounts: Sendable {
    private var counts = [Int](repeating: 0, count: Fault.allCases.count)

    package init() {}

    package subscript(_ fault: Fault) -> Int { counts[fault.index] }

    package mutating func add(_ fault: Fault, _ number: Int = 1) { counts[fault.index] += number }

    package mutating func add(_ other: FaultCounts) {
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    package var missing: [Fault] { Fault.allCases.filter { self[$0] == 0 } }
}

extension Fault {
    fileprivate var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
