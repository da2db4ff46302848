; A boot program on a local disk, started when the ROM has given its adapter back: what the adapter may
; still do, and whether something still writes to the memory that the ROM had.
;   @fact pci COMMAND STATUS    of the machine's Ethernet adapter
;   @ok memory                  nothing there has changed for a second

%include "guest.inc"
GUEST_BEGIN

PCI_FIND_CLASS  equ 0xB103
PCI_READ_WORD   equ 0xB109
PCI_ETHERNET    equ 0x020000
PCI_COMMAND     equ 4
PCI_STATUS      equ 6
MEMORY_FIRST    equ 0x2000              ; paragraphs: behind us
MEMORY_LAST     equ 0x9E00              ; below what the BIOS has for itself
WAIT_TICKS      equ 19

main:
        call    report_begin
        mov     ax, PCI_FIND_CLASS
        mov     ecx, PCI_ETHERNET
        xor     si, si
        int     0x1A
        PUT     "@fact pci "
        mov     di, PCI_COMMAND
        call    .word
        PUT     " "
        mov     di, PCI_STATUS
        call    .word
        call    put_line
        PUT     "@fact ready"
        call    put_line
        call    memory_sum
        mov     [before], edx
        push    BDA
        pop     fs
        mov     ebx, [fs:BDA_TICKS]
        add     ebx, WAIT_TICKS
.wait:
        hlt
        cmp     [fs:BDA_TICKS], ebx
        jb      .wait
        call    memory_sum
        mov     si, .name
        cmp     edx, [before]
        jne     .changed
        call    report_ok
        jmp     report_done
.changed:
        call    report_fail
        call    put_line
        jmp     report_done
.word:
        mov     ax, PCI_READ_WORD
        int     0x1A
        mov     ax, cx
        jmp     put_hex16
.name:  db      "memory", 0

;---------------------------------------------------------------------------
; memory_sum - the sum of what lies in memory, each dword turned by its place
; in:       -
; out:      EDX
; clobbers: EAX, CX, SI, ES, flags
; needs:    nothing
;---------------------------------------------------------------------------
memory_sum:
        xor     edx, edx
        mov     ax, MEMORY_FIRST
.paragraph:
        mov     es, ax
        xor     si, si
.dword:
        rol     edx, 1
        add     edx, [es:si]
        add     si, 4
        cmp     si, 16
        jb      .dword
        inc     ax
        cmp     ax, MEMORY_LAST
        jb      .paragraph
        ret

VARIABLES
before:         resd 1
CODE

%include "report.inc"

GUEST_END
