# fish completion for tend and mcp_mesh_dev; installed as share/fish/vendor_completions.d/tend.fish.
# All it knows it asks tend for, at each Tab.
function __tend_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete (math (count $words) - 1) $words 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :dirs
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
for program in tend mcp_mesh_dev
    complete -c $program -f -a '(__tend_complete)'
end
