/// English plurals, as far as names of resources need them. `--plural` says the rest.
enum Inflection {
    private static let irregular = [
        "person": "people", "child": "children", "man": "men", "woman": "women", "mouse": "mice", "foot": "feet",
        "tooth": "teeth", "goose": "geese", "quiz": "quizzes", "leaf": "leaves", "life": "lives", "knife": "knives",
        "wife": "wives", "shelf": "shelves", "half": "halves", "wolf": "wolves", "hero": "heroes", "potato": "potatoes",
        "tomato": "tomatoes", "echo": "echoes", "index": "indices", "vertex": "vertices", "movie": "movies",
        "cookie": "cookies", "lens": "lenses", "gas": "gases", "atlas": "atlases", "alias": "aliases",
        "canvas": "canvases", "bias": "biases", "axis": "axes", "cache": "caches", "release": "releases",
        "expense": "expenses", "analysis": "analyses", "diagnosis": "diagnoses", "thesis": "theses",
        "hypothesis": "hypotheses",
        "crisis": "crises", "house": "houses", "purchase": "purchases", "course": "courses", "response": "responses",
        "license": "licenses", "case": "cases", "base": "bases", "phase": "phases", "database": "databases",
    ]
    private static let same: Set = [
        "news", "series", "species", "sheep", "fish", "equipment", "information", "money", "rice", "data", "metadata",
        "feedback", "software", "hardware", "media",
    ]
    private static let singulars = Dictionary(uniqueKeysWithValues: irregular.map { ($0.value, $0.key) })

    static func plural(of word: String) -> String {
        if same.contains(word) { return word }
        if let plural = irregular[word] { return plural }
        if word.hasSuffix("is") { return word.dropLast(2) + "es" }
        if ["s", "x", "z", "ch", "sh"].contains(where: word.hasSuffix) { return word + "es" }
        if word.hasSuffix("y"), let before = word.dropLast().last, !"aeiou".contains(before) {
            return word.dropLast() + "ies"
        }
        return word + "s"
    }

    static func singular(of word: String) -> String {
        if same.contains(word) || irregular[word] != nil { return word }
        if let singular = singulars[word] { return singular }
        if ["ss", "us", "is"].contains(where: word.hasSuffix) { return word }
        if word.hasSuffix("ies"), word.count > 4 { return word.dropLast(3) + "y" }
        if ["sses", "xes", "zes", "ches", "shes", "uses"].contains(where: word.hasSuffix) {
            return String(word.dropLast(2))
        }
        if word.hasSuffix("s"), word.count > 1 { return String(word.dropLast()) }
        return word
    }
}
