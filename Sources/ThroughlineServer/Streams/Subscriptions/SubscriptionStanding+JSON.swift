import Foundation
import ThroughlineCore
import ThroughlineEngine

extension SubscriptionStanding {
    private var root: String { machine.origin + StreamTarget.root + StreamPath.reserved }

    /// As the protocol shows a subscription.
    func encoded(_ keys: SubscriptionKeys) -> [UInt8] {
        JSONWriter.object { writer in
            writer.field("id", machine.id)
            writer.field("subscription_id", machine.id)
            switch machine.settings.delivery {
            case .webhook(let url):
                writer.field("type", "webhook")
                writer.key("webhook")
                writer.object {
                    $0.field("url", url)
                    $0.key("signing")
                    $0.object {
                        $0.field("alg", "ed25519")
                        $0.field("kid", keys.keyID)
                        $0.field("jwks_url", root + "/jwks.json")
                    }
                }
                writer.key("wake_stream")
                writer.null()
            case .pullWake(let path):
                writer.field("type", "pull-wake")
                writer.field("wake_stream", path.value)
            }
            writer.field("pattern", machine.settings.pattern?.text)
            writeStreams(to: &writer, whole: false)
            writer.field("lease_ttl_ms", machine.settings.leaseMilliseconds)
            writer.field("created_at", RFC3339.text(machine.created))
            writer.field("status", machine.retry == nil ? "active" : "failed")
            writer.field("description", machine.settings.description)
        }
    }

    /// What a worker gets that has claimed it.
    func claimed(_ keys: SubscriptionKeys) -> [UInt8] {
        JSONWriter.object {
            $0.field("wake_id", machine.wake?.id)
            $0.field("generation", machine.generation)
            $0.field("token", keys.token(of: machine.id, generation: machine.generation))
            writeStreams(to: &$0, whole: true)
            $0.field("lease_ttl_ms", machine.settings.leaseMilliseconds)
        }
    }

    /// What a webhook is told.
    func announced(_ wake: SubscriptionMachine.Wake, _ keys: SubscriptionKeys) -> [UInt8] {
        JSONWriter.object {
            $0.field("subscription_id", machine.id)
            $0.field("wake_id", wake.id)
            $0.field("generation", machine.generation)
            writeStreams(to: &$0, whole: true)
            let id = machine.id.addingPercentEncoding(
                withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-._~")))
            $0.field("callback_url", "\(root)/subscriptions/\(id ?? machine.id)/callback")
            $0.field("callback_token", keys.token(of: machine.id, generation: machine.generation))
        }
    }

    private func writeStreams(to writer: inout JSONWriter, whole: Bool) {
        writer.key("streams")
        writer.array(machine.links.sorted { $0.key < $1.key }) { writer, entry in
            let tail = tails[entry.key] ?? .start
            writer.object {
                $0.field("path", entry.key.value)
                $0.field("link_type", entry.value.isExplicit ? "explicit" : "glob")
                $0.field("acked_offset", entry.value.acknowledged.description)
                guard whole else { return }
                $0.field("tail_offset", tail.description)
                $0.key("has_pending")
                $0.boolean(tail > entry.value.acknowledged)
            }
        }
    }
}
