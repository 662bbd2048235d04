# git-wt for nushell 0.108 and later. Load it from config.nu, by way of a file that nu reads after that:
#   mkdir $nu.user-autoload-dirs.0; git-wt shell-init nu | save --force ($nu.user-autoload-dirs.0 | path join git-wt.nu)
#
# A child cannot move its shell, change its environment or its prompt: that is all that is done here. What comes from
# git-wt is data, read and never evaluated. What is kept between prompts is a record, which children do not inherit.

$env.__git_wt.exe = ($env.__git_wt?.exe? | default git-wt)

# Make a text harmless to show: a hostile name must not move the cursor, nor the text around it.
def __git_wt_shown []: string -> string {
    str replace --all --regex '[\p{C}\p{Zl}\p{Zp}]' '?'
}

# ---- change of directory

# Name the file that git-wt writes a directory into; nobody else can guess or make it.
def __git_wt_name_file [] {
    let dirs = [$env.XDG_RUNTIME_DIR? $env.TMPDIR? /tmp]
        | where {|dir| $dir != null and ($dir starts-with /) and ($dir | path type) == dir }
    $dirs.0? | default /tmp | path join $"git-wt.($nu.pid).(random uuid)"
}

# Take the directory that waits in the file, if one does.
def __git_wt_take []: nothing -> string {
    # nu can look at nothing from a directory that has gone; only this function stands elsewhere
    cd /
    let file = $env.__git_wt.file
    # a link is not followed
    if ($file | path type) != file { return '' }
    let to = try { open --raw $file | into binary | decode utf-8 | split row (char nul) | first } catch { '' }
    rm --force --permanent $file
    if ($to starts-with /) { $to } else { '' }
}

# Go where the file says. No directory in it is no failure.
def --env __git_wt_follow [] {
    let to = __git_wt_take
    if $to == '' { return }
    # cd takes white space off the end
    try { cd $"($to)/" } catch { print --stderr $"git-wt: cannot go to '($to | __git_wt_shown)'" }
}

# Run git-wt, which the next prompt follows: only as the last command does it keep its terminal, pipe and status.
def --env --wrapped __git_wt_call [...args] {
    # whatever it does may change this worktree's environment
    $env.__git_wt.root = '?'
    ^$env.__git_wt.exe ...$args
}

# ---- environment

# Find the nearest directory at or above this one that has a .git.
def __git_wt_find_root [] {
    mut root = $env.PWD
    while not ($root | path join .git | path exists) {
        if $root == / { return '' }
        $root = ($root | path dirname)
    }
    $root
}

# Read NUL-separated records into a table; nothing when they are cut short.
def __git_wt_records []: string -> any {
    # what NUL ends, and not what comes after the last
    let fields = split row (char nul) | drop 1
    mut records = []
    mut at = 0
    while ($fields | get -o $at) != end {
        let name = $fields | get -o ($at + 1) | default ''
        let value = $fields | get -o ($at + 2)
        if $name !~ '^[A-Za-z_][A-Za-z0-9_]*\z' { return null }
        match ($fields | get -o $at) {
            set => {
                $records = ($records | append {name: $name, value: $value})
                $at += 3
            }
            unset => {
                $records = ($records | append {name: $name, value: null})
                $at += 2
            }
            _ => { return null }
        }
    }
    $records
}

# Make of a variable's text what nu keeps: a list of PATH, or what the user's conversion says.
def __git_wt_converted [name: string]: string -> any {
    let text = $in
    let conversion = $env.ENV_CONVERSIONS? | default {} | get -o $name
    if $conversion != null {
        do $conversion.from_string $text
    } else if $name == PATH {
        $text | split row (char esep)
    } else {
        $text
    }
}

# Take over the environment of the worktree we came into, or give back that of the one we left.
def --env __git_wt_enter [] {
    let root = __git_wt_find_root
    $env.__git_wt.pwd = $env.PWD
    if $root == $env.__git_wt.root { return }
    # no argument where there is no root
    let asked = if $root == '' { [] } else { [$root] }
    let records = try { '' | ^$env.__git_wt.exe hook 1 ...$asked | __git_wt_records } catch { null }
    if $records == null { return }
    $env.__git_wt.root = $root
    for change in $records {
        # nu's own settings, in whatever case
        if $change.name =~ '(?i)^config$' { continue }
        if $change.value == null {
            hide-env --ignore-errors $change.name
        } else {
            load-env {$change.name: ($change.value | __git_wt_converted $change.name)}
        }
    }
}

# ---- prompt

# The worktree's name, its branch where that is another word, its port, and a * where its environment has drifted; nothing
# outside.
def __git_wt_label []: nothing -> string {
    let name = $env.GIT_WT_NAME? | default ''
    if $name == '' { return '' }
    let head = try { open --raw $env.GIT_WT_HEAD | into string | lines | first } catch { '' }
    let branch = $head | str replace 'ref: refs/heads/' ''
    let label = if $head =~ '^[0-9a-f]{7,}$' {
        $"($name) ($head | str substring 0..6)"
    } else if $branch in [$head .invalid $name] {
        # .invalid is the stand-in where references are in reftables
        $name
    } else {
        $"($name) ($branch)"
    }
    let port = if $env.GIT_WT_PORT? == null or $env.GIT_WT_PROMPT? == short { '' } else { $" :($env.GIT_WT_PORT)" }
    let drift = if $env.GIT_WT_DRIFT? == null { '' } else { ' *' }
    $"($label)($port)($drift)" | __git_wt_shown
}

# What stands before the prompt.
def __git_wt_ps1 []: nothing -> string {
    let label = $env.GIT_WT_LABEL? | default ''
    if $label == '' {
        ''
    } else if $env.GIT_WT_PROTECTED? == null {
        $"\(($label)) "
    } else {
        $"(ansi red_bold)\(($label))(ansi reset) "
    }
}

# Put the label before the prompt, once: the one that the whole configuration has left.
def --env __git_wt_show_label [] {
    if $env.__git_wt.shown or $env.GIT_WT_PROMPT? == off { return }
    $env.__git_wt.shown = true
    let user = $env.PROMPT_COMMAND? | default ''
    $env.PROMPT_COMMAND = {||
        $"(__git_wt_ps1)(if ($user | describe) == closure { do $user } else { $user })"
    }
}

# Before each prompt. Starts no process while the directory stays.
def --env __git_wt_prompt [] {
    __git_wt_follow
    if $env.PWD != $env.__git_wt.pwd or $env.__git_wt.root == '?' { __git_wt_enter }
    # for prompts that are programs, and the user's own
    let label = __git_wt_label
    if $label == '' { hide-env --ignore-errors GIT_WT_LABEL } else { $env.GIT_WT_LABEL = $label }
    __git_wt_show_label
}

# loaded twice, hooked once
if $nu.is-interactive and $env.__git_wt.file? == null {
    $env.__git_wt.file = (__git_wt_name_file)
    $env.__git_wt.pwd = ''
    # a state inherited from another shell is looked at once
    $env.__git_wt.root = (if $env.GIT_WT_STATE? == null { '' } else { '?' })
    $env.__git_wt.shown = false
    # the directory waits here for the next prompt
    $env.GIT_WT_PROMPT_CD_FILE = $env.__git_wt.file
    $env.config.hooks.pre_prompt = ($env.config.hooks.pre_prompt? | default [] | append {|| __git_wt_prompt })
}

# ---- completion

# Quote a word that nu would not read as it is.
def __git_wt_quoted []: string -> string {
    if $in =~ '^[\w/.@][\w/.@:,+=-]*$' or $in =~ '^-' { $in } else { to nuon }
}

# What git-wt knows for the words of a command line, the last one under the cursor.
def __git_wt_complete [words: list<string>] {
    let args = $words | skip (if $words.0 == git { 2 } else { 1 })
    # an open quote is no part of the word
    let args = $args | drop 1 | append ($args | last | str replace --regex '^["\x27\x60]' '')
    let asked = {GIT_WT_COMPLETE: raw, GIT_WT_COMPLETE_INDEX: ($args | length)}
    with-env $asked { '' | ^$env.__git_wt.exe -- git-wt ...$args | complete }
    | get stdout
    | lines
    | each {|line|
        let parts = $line | split row --number 2 (char tab)
        {value: ($parts.0 | __git_wt_quoted), description: ($parts.1? | default '')}
    }
}

# Worktrees with an environment.
@complete __git_wt_complete
extern "git-wt" [...args]

# Worktrees with an environment.
@complete __git_wt_complete
extern "git wt" [...args]
